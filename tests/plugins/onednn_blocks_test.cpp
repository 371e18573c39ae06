// What the onednn plugin refuses of images in blocks: the greatest of windows, normalisation and reorders.
#include <gtest/gtest.h>

#include "onednn_support.hpp"

namespace {

using namespace onednn_test;
using Sizes = std::vector<std::int64_t>;

mu_tensor strided(const Sizes& dim) { return driver::view(nullptr, MU_F32, dim, driver::row_major(dim)); }
mu_tensor any(const Sizes& dim) {
  mu_tensor t = strided(dim);
  t.layout = MU_LAYOUT_ANY;
  return t;
}

class BlocksTest : public testing::Test {
 protected:
  void SetUp() override {
    mu_device_info info{};
    info.size = sizeof info;
    ASSERT_EQ(module().plugin->device->info(module().device, &info, nullptr), MU_OK);
    if (!(info.caps & MU_CAP_IMAGE_LAYOUTS)) GTEST_SKIP() << "oneDNN has no kernels for blocks on this CPU";
    const mu_op_conv conv{{sizeof conv, MU_OP_CONV}, MU_CONV_FORWARD, MU_F32, MU_MATH_EXACT, 1, {1, 1}, {1, 1}, {1, 1}, 0, nullptr};
    mu_plan_info answers{};
    std::string error;
    ASSERT_EQ(driver::plan(module(), conv.h, {strided({3, 32, 14, 14}), strided({32, 32, 3, 3})}, {any({3, 32, 14, 14})}, &error, &answers),
              MU_OK)
        << error;
    token_ = answers.layout_id[2];
    ASSERT_NE(token_, 0u);
  }
  mu_tensor laid(const Sizes& dim) const {
    mu_tensor t = driver::view(nullptr, MU_F32, dim, Sizes(dim.size()));
    t.layout = MU_LAYOUT_OPAQUE, t.layout_id = token_;
    return t;
  }

  std::uint64_t token_ = 0;
};

class GreatestBlocks : public BlocksTest {};
class NormalizeBlocks : public BlocksTest {};
class ReorderBlocks : public BlocksTest {};

TEST_F(GreatestBlocks, RefusesWithAReason) {
  const Sizes image{2, 32, 8, 8}, half{2, 32, 4, 4};
  const auto refused = [&](mu_code code, const char* sentence, auto change) {
    for (const bool backward : {false, true}) {
      mu_op_pool op{{sizeof op, MU_OP_POOL}, MU_POOL_MAX, 0, {2, 2}, {2, 2}, {1, 1}, {}, {}, 0};
      mu_tensor x = laid(image), y = backward ? laid(half) : any(half);
      change(op, x, y);
      if (!backward) {
        expect_refused(op.h, code, {x}, {y}, sentence);
        continue;
      }
      op.kind = MU_POOL_MAX_BACKWARD;
      expect_refused(op.h, code, {x, y}, {any(image)}, sentence);
    }
  };
  refused(MU_OK, "", [](auto&, auto&, auto&) {});
  constexpr const char* positive = "[onednn pool] windows, strides and dilations are positive";
  refused(MU_INVALID, positive, [](auto& op, auto&, auto&) { op.window[1] = 0; });
  refused(MU_INVALID, positive, [](auto& op, auto&, auto&) { op.stride[0] = 0; });
  refused(MU_INVALID, positive, [](auto& op, auto&, auto&) { op.dilation[1] = 0; });
  constexpr const char* nothing = "[onednn pool] a window has nothing inside";
  refused(MU_INVALID, nothing, [](auto& op, auto&, auto&) { op.before[1] = 2; });
  refused(MU_INVALID, nothing, [](auto& op, auto&, auto&) { op.stride[0] = 3; });
  constexpr const char* differ = "[onednn pool] operands differ in batch, channels or extents";
  refused(MU_INVALID, differ, [](auto&, auto&, auto& y) { y.rank = 3; });
  refused(MU_INVALID, differ, [](auto&, auto&, auto& y) { y.dim[0] = 1; });
  refused(MU_INVALID, differ, [](auto&, auto&, auto& y) { y.dim[1] = 16; });
  constexpr const char* in_blocks = "[onednn pool] images lie in blocks";
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto& x, auto&) { x.layout_id += 1; });
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto&, auto& y) { y.layout = MU_LAYOUT_STRIDED; });
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto&, auto& y) { y.dim[2] = 0; });
  const mu_op_pool gradient{{sizeof gradient, MU_OP_POOL}, MU_POOL_MAX_BACKWARD, 0, {2, 2}, {2, 2}, {1, 1}, {}, {}, 0};
  expect_refused(gradient.h, MU_INVALID, {laid(image), laid(half)}, {any({2, 32, 8, 9})}, differ);
  expect_refused(gradient.h, MU_UNSUPPORTED, {laid(image), laid(half)}, {strided(image)}, in_blocks);
}

TEST_F(NormalizeBlocks, RefusesWithAReason) {
  const Sizes image{2, 32, 8, 8};
  const auto refused = [&](mu_code code, const char* sentence, auto change) {
    for (const bool backward : {false, true}) {
      mu_op_normalize op{{sizeof op, MU_OP_NORMALIZE}, MU_NORMALIZE_BATCH, 0, 1e-5};
      const mu_tensor channels = strided({32});
      std::vector<mu_tensor> in{laid(image), channels, channels}, out{any(image), channels, channels};
      if (backward) op.kind = MU_NORMALIZE_BATCH_BACKWARD, in = {laid(image), channels, laid(image), channels, channels};
      change(op, in, out);
      expect_refused(op.h, code, in, out, sentence);
    }
  };
  refused(MU_OK, "", [](auto&, auto&, auto&) {});
  refused(MU_INVALID, "[onednn normalize] the descriptor isn't one of this version",
          [](auto& op, auto&, auto&) { op.h.size = sizeof(mu_op); });
  constexpr std::uint32_t of_the_last_axis[] = {MU_NORMALIZE_LAYER, MU_NORMALIZE_RMS_BACKWARD};
  for (const std::uint32_t kind : of_the_last_axis)
    refused(MU_UNSUPPORTED, "[onednn normalize] the builtin kernel is faster along the last axis",
            [kind](auto& op, auto&, auto&) { op.kind = kind; });
  constexpr const char* number = "[onednn normalize] wrong number of operands";
  refused(MU_INVALID, number, [](auto&, auto& in, auto&) { in.pop_back(); });
  refused(MU_INVALID, number, [](auto&, auto&, auto& out) { out.pop_back(); });
  constexpr const char* plain = "[onednn normalize] the builtin kernel is faster for strided images";
  refused(MU_UNSUPPORTED, plain, [&](auto&, auto& in, auto&) { in[0] = strided(image); });
  refused(MU_UNSUPPORTED, plain, [](auto&, auto& in, auto&) { in[0].dim[0] = 0; });
  constexpr const char* differ = "[onednn normalize] operands differ in extents";
  refused(MU_INVALID, differ, [](auto&, auto&, auto& out) { out[0].dim[3] = 7; });
  refused(MU_INVALID, differ, [](auto&, auto&, auto& out) { out[0].rank = 3; });
  refused(MU_INVALID, differ, [](auto&, auto& in, auto&) { in[1].dim[0] = 16; });
  refused(MU_INVALID, differ, [](auto&, auto&, auto& out) { out[2] = strided({32, 1}); });
  constexpr const char* in_blocks = "[onednn normalize] images lie in blocks, all is f32";
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto& in, auto&) { in[0].layout_id += 1; });
  refused(MU_UNSUPPORTED, in_blocks, [&](auto&, auto&, auto& out) { out[0] = strided(image); });
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto& in, auto&) { in[1].dtype = MU_F64; });
  refused(MU_UNSUPPORTED, in_blocks, [](auto&, auto&, auto& out) { out[1].layout = MU_LAYOUT_ANY; });
}

TEST_F(ReorderBlocks, RefusesWithAReason) {
  const Sizes image{2, 32, 8, 8};
  const mu_op op{sizeof op, MU_OP_REORDER};
  const mu_tensor blocks = laid(image), rows = strided(image);
  expect_refused(op, MU_OK, {blocks}, {rows}, "");
  expect_refused(op, MU_OK, {rows}, {blocks}, "");
  constexpr const char* number = "[onednn reorder] wrong number of operands";
  expect_refused(op, MU_INVALID, {blocks, blocks}, {rows}, number);
  expect_refused(op, MU_INVALID, {blocks}, {rows, rows}, number);
  constexpr const char* differ = "[onednn reorder] operands differ in extents or type";
  expect_refused(op, MU_INVALID, {blocks}, {strided({2, 32, 8, 7})}, differ);
  expect_refused(op, MU_INVALID, {blocks}, {strided({2, 32, 8})}, differ);
  mu_tensor other = rows;
  other.dtype = MU_F64;
  expect_refused(op, MU_INVALID, {blocks}, {other}, differ);
  constexpr const char* between = "[onednn reorder] it is between blocks and strides";
  expect_refused(op, MU_UNSUPPORTED, {rows}, {rows}, between);
  expect_refused(op, MU_UNSUPPORTED, {blocks}, {blocks}, between);
  other = blocks, other.layout_id += 1;
  expect_refused(op, MU_UNSUPPORTED, {other}, {rows}, between);
  expect_refused(op, MU_UNSUPPORTED, {laid({0, 32, 8, 8})}, {strided({0, 32, 8, 8})}, "[onednn reorder] there are no elements");
}

}  // namespace
