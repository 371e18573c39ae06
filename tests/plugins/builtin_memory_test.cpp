// A host without memory left: every kernel that needs room for itself says so, and writes nowhere.
#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "backend.hpp"
#include "builtin.h"

namespace {
std::atomic<std::size_t> most_bytes{SIZE_MAX};  // more at once isn't given
}

// The linker's --wrap puts these before what the backend calls.
extern "C" {
void* __real_aligned_alloc(std::size_t, std::size_t);
void* __wrap_aligned_alloc(std::size_t align, std::size_t bytes) {
  return bytes > most_bytes ? nullptr : __real_aligned_alloc(align, bytes);
}
void* __real__Znwm(std::size_t);
void* __wrap__Znwm(std::size_t bytes) {
  if (bytes > most_bytes) throw std::bad_alloc();
  return __real__Znwm(bytes);
}
}

namespace backend_test {
namespace {

class NoMemory : public testing::Test {
 protected:
  mu_tensor f32(const Sizes& dims) { return view(memory.data(), MU_F32, dims, dense_strides(dims)); }
  mu_tensor f32(const Sizes& dims, const Sizes& strides) { return view(memory.data(), MU_F32, dims, strides); }

  /// In a thread that has no room from before.
  template <class Op>
  void fails(std::uint32_t id, const Op& op, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out, const char* sentence,
             std::size_t least = 2048) {
    std::thread([&] { EXPECT_EQ(backend.run(op, id, in, out), MU_OK) << sentence << ": " << backend.message(); }).join();
    std::thread([&] {
      most_bytes = least - 1;
      const mu_code code = backend.run(op, id, in, out);
      most_bytes = SIZE_MAX;
      EXPECT_EQ(code, MU_OUT_OF_MEMORY) << sentence;
      EXPECT_EQ(backend.message(), sentence);
    }).join();
  }

  std::vector<float> memory = std::vector<float>(1 << 20);
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
};

TEST_F(NoMemory, OfKernels) {
  mu_op_attention attention{};
  attention.scale = 1;
  fails(MU_OP_ATTENTION, attention, {f32({3, 4}), f32({5, 4}), f32({5, 6})}, {f32({3, 6})}, "[attention] no memory for a block of scores");
  mu_op_normalize layer{}, batch{};
  layer.kind = MU_NORMALIZE_LAYER, batch.kind = MU_NORMALIZE_BATCH;
  fails(MU_OP_NORMALIZE, layer, {f32({8, 2000}, {1, 8}), f32({2000}), f32({2000})}, {f32({8, 2000}, {1, 8})},
        "[normalize] no memory for a line");
  fails(MU_OP_NORMALIZE, batch, {f32({2, 3, 2000}), f32({3}), f32({3})}, {f32({2, 3, 2000}), f32({3}), f32({3})},
        "[normalize] no memory for a channel");
  fails(MU_OP_SOFTMAX, mu_op_softmax{}, {f32({3, 2000}, {1, 3})}, {f32({3, 2000}, {1, 3})}, "[softmax] no memory for a line");
  mu_op_matmul matmul{};
  matmul.acc = MU_F32;
  const mu_tensor half = view(memory.data(), MU_F16, {40, 40}, {40, 1});
  fails(MU_OP_MATMUL, matmul, {half, half}, {half}, "[matmul] no memory for a packed operand");
  mu_op_conv conv{};
  conv.acc = MU_F32, conv.groups = 1, conv.stride[0] = conv.stride[1] = conv.dilation[0] = conv.dilation[1] = 1;
  fails(MU_OP_CONV, conv, {f32({1, 16, 20, 20}), f32({32, 16, 3, 3})}, {f32({1, 32, 18, 18})}, "[conv] no memory for a packed operand");
  mu_op_rnn rnn{};
  fails(MU_OP_RNN, rnn, {f32({3, 4, 64}), f32({64, 64}), f32({4, 64})}, {f32({3, 4, 64})}, "[rnn] no memory for the weight");
  mu_op_sort sort{};
  sort.flags = MU_SORT_VALUES;
  fails(MU_OP_SORT, sort, {f32({2000})}, {f32({2000})}, "[sort] no memory for a line");
}

TEST_F(NoMemory, OfReductionsPoolingAndCtc) {
  ProgramText copy;
  copy.out = {copy.input(MU_F32)};
  const mu_pw_program program = copy.descriptor();
  mu_op_map_reduce sum{};
  sum.program = &program, sum.kind = MU_REDUCE_SUM, sum.acc = MU_F32;
  fails(MU_OP_MAP_REDUCE, sum, {f32({1000, 1000})}, {f32({1000, 1000}, {0, 1})}, "[map_reduce] no memory for partial results");
  mu_op_pool pool{};
  pool.kind = MU_POOL_MEAN, pool.window[0] = pool.window[1] = 3;
  pool.stride[0] = pool.stride[1] = pool.dilation[0] = pool.dilation[1] = 1;
  fails(MU_OP_POOL, pool, {f32({1, 2, 30, 30}, {1800, 1, 60, 2})}, {f32({1, 2, 28, 28}, {1568, 1, 56, 2})}, "[pool] no memory for a plane");
  pool.kind = MU_POOL_MAX_BACKWARD;
  pool.window[0] = pool.window[1] = 100;
  fails(MU_OP_POOL, pool, {f32({1, 1, 101, 101}), f32({1, 1, 2, 2})}, {f32({1, 1, 101, 101})}, "[pool] no memory for a window", 80'000);
  const std::vector<std::int64_t> labels(400, 1), numbers{2, 2};
  fails(MU_OP_CTC, mu_op_ctc{}, {f32({300, 2, 4}), view(labels, {2, 200}), view(numbers, {2}), view(numbers, {2})}, {f32({2})},
        "[ctc] no memory for the states");
}

}  // namespace
}  // namespace backend_test
