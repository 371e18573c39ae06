// The CUDA module: opened without a driver it tells why it has no device; with one it computes what the builtin backend does.
#include <dlfcn.h>

#include <cstdlib>

#include "backend.hpp"
#include "builtin.h"

namespace mushin::cuda {
namespace {

using namespace backend_test;

/// Where the build has moved since this was compiled, the environment says where the module is.
const char* module_file() {
  const char* moved = std::getenv("MUSHIN_CUDA_MODULE");
  return moved ? moved : MUSHIN_CUDA_MODULE;
}
const mu_plugin* module() {
  static const mu_plugin* const plugin = [] {
    void* library = dlopen(module_file(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    return reinterpret_cast<mu_entry_fn>(dlsym(library, MU_ENTRY_SYMBOL))(test_host(), nullptr);
  }();
  return plugin;
}
mu_error empty() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

TEST(CudaModule, RefusesAHostThatIsTooShort) {
  ASSERT_NE(module(), nullptr);
  void* library = dlopen(module_file(), RTLD_NOW | RTLD_LOCAL);
  mu_host old = *test_host();
  old.size = 16;
  mu_error e = empty();
  EXPECT_EQ(reinterpret_cast<mu_entry_fn>(dlsym(library, MU_ENTRY_SYMBOL))(&old, &e), nullptr);
  EXPECT_EQ(e.code, MU_INVALID);
}

TEST(CudaModule, WithoutADeviceTellsWhy) {
  std::uint32_t n = 77;
  mu_error e = empty();
  const mu_code code = module()->device_count(&n, &e);
  if (code == MU_OK) GTEST_SKIP() << "skipped: there is a device";
  EXPECT_EQ(code, MU_UNAVAILABLE);
  EXPECT_EQ(n, 0u);
  const std::string reason = e.message;
  const bool driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;
  EXPECT_NE(reason.find(driver ? "driver" : "[cuda] no driver: libcuda.so.1"), std::string::npos) << reason;
  mu_device* device = reinterpret_cast<mu_device*>(&n);
  mu_error again = empty();
  EXPECT_EQ(module()->device_open(0, &device, &again), MU_UNAVAILABLE);
  EXPECT_EQ(device, nullptr);
  EXPECT_EQ(reason, again.message);
}

// Views of device memory with the contents of host memory.
class CudaDevice : public testing::Test {
 protected:
  void SetUp() override {
    std::uint32_t n = 0;
    mu_error e = empty();
    if (module()->device_count(&n, &e) != MU_OK) GTEST_SKIP() << "skipped: no device: " << e.message;
    ASSERT_EQ(module()->device_open(0, &device_, &e), MU_OK) << e.message;
  }
  void TearDown() override {
    if (!device_) return;
    for (mu_buffer* b : buffers_) module()->memory->free(device_, b);
    module()->device->close(device_);
  }

  mu_buffer* room(std::uint64_t bytes) {
    mu_buffer* b = nullptr;
    mu_error e = empty();
    EXPECT_EQ(module()->memory->alloc(device_, MU_MEMORY_DEVICE, bytes, 64, &b, &e), MU_OK) << e.message;
    if (b) buffers_.push_back(b);
    return b;
  }
  template <class T>
  mu_tensor on_device(const std::vector<T>& values, const Sizes& dims, const Sizes& strides) {
    mu_tensor v = view(values.data(), dtype_of<T>, dims, strides);
    v.bytes = values.size() * sizeof(T);
    v.buffer = room(v.bytes);
    mu_error e = empty();
    EXPECT_EQ(module()->memory->upload(device_, nullptr, v.buffer, 0, values.data(), v.bytes, &e), MU_OK) << e.message;
    return v;
  }
  template <class T>
  std::vector<T> read(const mu_tensor& v) {
    std::vector<T> values(v.bytes / sizeof(T));
    mu_error e = empty();
    EXPECT_EQ(module()->memory->download(device_, nullptr, values.data(), v.buffer, 0, v.bytes, &e), MU_OK) << e.message;
    EXPECT_EQ(module()->device->synchronize(device_, &e), MU_OK) << e.message;
    return values;
  }
  template <class Op>
  mu_code run(Op op, std::uint32_t id, const std::vector<mu_tensor>& in, const mu_tensor& out) {
    op.h = {sizeof op, id};
    std::vector<mu_tensor> shapes = in;
    for (auto& v : shapes) v.buffer = nullptr;
    mu_tensor shape = out;
    shape.buffer = nullptr;
    mu_plan* plan = nullptr;
    mu_plan_info info{};
    info.size = sizeof info;
    error_ = empty();
    const auto n = static_cast<std::uint32_t>(in.size());
    mu_code code = module()->compute->plan_create(device_, &op.h, 0, n, shapes.data(), 1, &shape, &plan, &info, &error_);
    if (code != MU_OK) return code;
    code = module()->compute->plan_run(plan, nullptr, n, in.data(), 1, &out, info.workspace_bytes ? room(info.workspace_bytes) : nullptr, 0,
                                       &error_);
    module()->compute->plan_destroy(plan);
    return code;
  }

  mu_device* device_ = nullptr;
  std::vector<mu_buffer*> buffers_;
  mu_error error_{};
};

TEST_F(CudaDevice, ProductsAndRandomNumbersAreBuiltins) {
  Backend builtin{mushin_builtin_entry(test_host(), nullptr)};
  const std::vector<std::int64_t> seed{5, 9};
  std::vector<float> a(4 * 33 * 65), b(65 * 17), expected(4 * 33 * 17);
  const mu_tensor va = on_device(a, {4, 33, 65}, {33 * 65, 65, 1}), vb = on_device(b, {4, 65, 17}, {0, 1, 65});
  const mu_tensor vo = on_device(expected, {4, 33, 17}, {33 * 17, 17, 1});
  mu_op_random draw{};
  draw.kind = MU_RANDOM_UNIFORM;
  for (auto* to : {&a, &b}) {
    const Sizes n{static_cast<std::int64_t>(to->size())};
    ASSERT_EQ(builtin.run(draw, MU_OP_RANDOM, {view(seed, {2})}, {view(*to, n)}), MU_OK);
    mu_tensor line = to == &a ? va : vb;
    line.rank = 1, line.dim[0] = n[0], line.stride[0] = 1;
    ASSERT_EQ(run(draw, MU_OP_RANDOM, {on_device(seed, {2}, {1})}, line), MU_OK) << error_.message;
    ASSERT_EQ(read<float>(line), *to);
  }
  mu_op_matmul op{};
  op.acc = MU_F32;
  ASSERT_EQ(builtin.run(op, MU_OP_MATMUL, {view(a, {4, 33, 65}), view(b, {4, 65, 17}, {0, 1, 65})}, {view(expected, {4, 33, 17})}), MU_OK);
  ASSERT_EQ(run(op, MU_OP_MATMUL, {va, vb}, vo), MU_OK) << error_.message;
  const std::vector<float> got = read<float>(vo);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4) << i;
}

TEST_F(CudaDevice, SortsAndLongScansAreBuiltins) {
  Backend builtin{mushin_builtin_entry(test_host(), nullptr)};
  Random random{7};
  const auto expect_builtin = [&](const auto& op, std::uint32_t id, const auto& x, const Sizes& dims) {
    std::vector<std::int64_t> want(x.size());
    ASSERT_EQ(builtin.run(op, id, {view(x, dims)}, {view(want, dims)}), MU_OK) << builtin.message();
    const mu_tensor to = on_device(std::vector<std::int64_t>(x.size(), 55), dims, dense_strides(dims));
    ASSERT_EQ(run(op, id, {on_device(x, dims, dense_strides(dims))}, to), MU_OK) << error_.message;
    ASSERT_EQ(read<std::int64_t>(to), want) << dims[0] << " rows of " << dims[1];
  };
  // Counted, by blocks, by radix in one tile and in many.
  for (const Sizes& dims :
       {Sizes{300, 64}, Sizes{90, 250}, Sizes{20, 1000}, Sizes{5, 4096}, Sizes{1, 4500}, Sizes{7, 5000}, Sizes{1, 300000}}) {
    std::vector<float> floats(static_cast<std::size_t>(count(dims)));
    for (float& v : floats) v = static_cast<float>(random.below(2000) - 1000);
    const std::vector<double> doubles(floats.begin(), floats.end());
    for (const std::uint32_t down : {0u, MU_SORT_DESCENDING}) {
      expect_builtin(mu_op_sort{{}, 1, MU_SORT_INDICES | down}, MU_OP_SORT, floats, dims);
      expect_builtin(mu_op_sort{{}, 1, MU_SORT_INDICES | down}, MU_OP_SORT, doubles, dims);
    }
  }
  std::vector<std::int64_t> numbers(300000);
  for (std::int64_t& v : numbers) v = random.below(1000);
  expect_builtin(mu_op_scan{{}, MU_SCAN_SUM, 1, MU_I64, MU_SCAN_REVERSE}, MU_OP_SCAN, numbers, {3, 100000});
}

TEST_F(CudaDevice, BadIndicesAreToldBySynchronizeOnce) {
  const std::vector<float> data(6, 2.f), zero(4);
  const std::vector<std::int64_t> index{0, 3};
  const mu_tensor vo = on_device(zero, {2, 2}, {2, 1});
  ASSERT_EQ(run(mu_op_gather{}, MU_OP_GATHER, {on_device(data, {3, 2}, {2, 1}), on_device(index, {2, 2}, {1, 0})}, vo), MU_OK)
      << error_.message;
  mu_error e = empty();
  EXPECT_EQ(module()->device->synchronize(device_, &e), MU_INVALID);
  EXPECT_NE(std::string(e.message).find("3 in an axis of extent 3"), std::string::npos) << e.message;
  EXPECT_EQ(module()->device->synchronize(device_, &e), MU_OK);
}

TEST_F(CudaDevice, ThereIsNoMoreMemoryThanThereIs) {
  mu_buffer* b = nullptr;
  mu_error e = empty();
  EXPECT_EQ(module()->memory->alloc(device_, MU_MEMORY_DEVICE, std::uint64_t{1} << 46, 64, &b, &e), MU_OUT_OF_MEMORY);
  EXPECT_EQ(b, nullptr);
  EXPECT_EQ(e.flags, 2u);
  EXPECT_NE(room(1 << 20), nullptr);
}

TEST_F(CudaDevice, NumbersBeyondTheLastAreRefused) {
  std::uint32_t n = 0;
  mu_device* none = nullptr;
  mu_error e = empty();
  ASSERT_EQ(module()->device_count(&n, &e), MU_OK);
  EXPECT_EQ(module()->device_open(n, &none, &e), MU_INVALID);
  EXPECT_NE(std::string(e.message).find("the driver shows " + std::to_string(n)), std::string::npos) << e.message;
}

}  // namespace
}  // namespace mushin::cuda
