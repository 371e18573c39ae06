// The CUDA plugin's mushin.many on the emulated runtime.
#include "emulated_device.hpp"
#include "mushin/plugin_graph.h"
#include "mushin/plugin_many.h"

namespace {

using namespace emulated_test;

// Sets of y = x + s x, where s is one value.
class CudaEmulatedMany : public CudaEmulatedDevice {
 protected:
  void TearDown() override {
    if (!device_) return;
    mu_error e = empty();
    plugin_->device->synchronize(device_, &e);
    if (planned_.plan) plugin_->compute->plan_destroy(planned_.plan);
    CudaEmulatedDevice::TearDown();
  }
  const mu_many_table& table() const { return *static_cast<const mu_many_table*>(plugin_->extension(MU_EXT_MANY, 1)); }
  const mu_graph_table& graphs() const { return *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1)); }

  void add(const std::vector<float>& x, float s) {
    const auto n = static_cast<std::int64_t>(x.size());
    mu_tensor factor = on_device(std::vector<float>{s}, {1});
    factor.dim[0] = n, factor.stride[0] = 0;
    views_.insert(views_.end(), {on_device(x, {n}), factor, on_device(std::vector<float>(x.size(), -1), {n})});
    std::vector<float> want;
    for (const float v : x) want.push_back(v + s * v);
    wanted_.push_back(std::move(want));
  }
  // Sizes of several kinds, an empty one and single values among them.
  void add_some(int n) {
    constexpr int sizes[] = {5, 1, 1000, 64, 0, 257, 3, 4096};
    for (int i = 0; i < n; ++i) {
      std::vector<float> x;
      for (int k = 0; k < sizes[i % 8]; ++k) x.push_back(static_cast<float>(100 * i + k));
      add(x, static_cast<float>(i % 5));
    }
  }
  std::uint32_t sets() const { return static_cast<std::uint32_t>(wanted_.size()); }
  void make_plan() {
    ProgramText text;
    const int x = text.input(MU_F32), s = text.input(MU_F32);
    text.out.push_back(text.add(MU_PW_ADD, MU_F32, x, text.add(MU_PW_MUL, MU_F32, x, s)));
    const mu_pw_program p = text.descriptor();
    mu_op_pointwise op{};
    op.h = {sizeof op, MU_OP_POINTWISE}, op.program = &p;
    ASSERT_EQ(plan(planned_, &op.h, {views_[0], views_[1]}, views_[2]), MU_OK) << error_.message;
  }
  mu_code run(mu_stream* stream = nullptr) { return table().run(planned_.plan, stream, sets(), 2, 1, views_.data(), nullptr, 0, &error_); }
  void check() {
    for (std::size_t i = 0; i < wanted_.size(); ++i) EXPECT_EQ(read<float>(views_[3 * i + 2]), wanted_[i]) << i;
  }

  Planned planned_;
  std::vector<mu_tensor> views_;
  std::vector<std::vector<float>> wanted_;
};

TEST_F(CudaEmulatedMany, IsThereInItsVersion) {
  EXPECT_NE(plugin_->extension(MU_EXT_MANY, 1), nullptr);
  EXPECT_EQ(plugin_->extension(MU_EXT_MANY, 2), nullptr);
}

TEST_F(CudaEmulatedMany, EachSetHasItsOwnResult) {
  open("");
  add_some(100);
  make_plan();
  ASSERT_EQ(run(), MU_OK) << error_.message;
  check();
}

TEST_F(CudaEmulatedMany, OneLaunchForAllOfAForm) {
  open("fail=cudaLaunchKernel:2:719");
  for (int i = 0; i < 20; ++i) add(std::vector<float>(static_cast<std::size_t>(8 + 4 * i), 1.5f), 2);
  make_plan();
  ASSERT_EQ(run(), MU_OK) << error_.message << ": the second launch would have failed";
  check();
}

TEST_F(CudaEmulatedMany, NothingIsDoneWhereThereIsNoMemory) {
  open("fail=cudaLaunchKernel:1:2");
  add_some(6);
  make_plan();
  EXPECT_EQ(run(), MU_OUT_OF_MEMORY);
  EXPECT_EQ(run(), MU_OK) << error_.message;
  check();
}

TEST_F(CudaEmulatedMany, WhatIsHalfDoneIsNotTriedAgain) {
  open("fail=cudaLaunchKernel:2:2");
  add_some(200);
  make_plan();
  EXPECT_EQ(run(), MU_INTERNAL);
}

TEST_F(CudaEmulatedMany, APlanThatIsNotPointwiseIsRefused) {
  open("");
  const std::vector<float> four(4, 1);
  const std::vector<mu_tensor> views = {on_device(four, {2, 2}), on_device(four, {2, 2}), on_device(four, {2, 2})};
  mu_op_matmul op{};
  op.h = {sizeof op, MU_OP_MATMUL}, op.acc = MU_F32;
  ASSERT_EQ(plan(planned_, &op.h, {views[0], views[1]}, views[2]), MU_OK) << error_.message;
  expect(table().run(planned_.plan, nullptr, 1, 2, 1, views.data(), nullptr, 0, &error_), MU_INVALID, "for pointwise plans");
  expect(table().run(planned_.plan, nullptr, 1, 1, 1, views.data(), nullptr, 0, &error_), MU_INVALID, "another number of views");
}

// Each set is a run with a number of its own; an update of one moves its views alone.
TEST_F(CudaEmulatedMany, InAGraphASetIsARun) {
  open("");
  add_some(50);
  make_plan();
  ASSERT_EQ(graphs().capture_begin(device_, nullptr, &error_), MU_OK);
  ASSERT_EQ(run(), MU_OK) << error_.message;
  ASSERT_EQ(run(), MU_OK) << "runs 50 to 99, over the same";
  mu_graph* g = nullptr;
  ASSERT_EQ(graphs().capture_end(device_, nullptr, &g, &error_), MU_OK) << error_.message;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(graphs().launch(g, nullptr, &error_), MU_OK) << error_.message;
    check();
  }
  std::vector<mu_graph_run> moved;
  std::vector<mu_tensor> to;
  constexpr std::uint32_t numbers[] = {0, 3, 49, 53};
  for (const std::uint32_t n : numbers) {
    const mu_tensor& out = views_[3 * (n % 50) + 2];
    to.push_back(on_device(std::vector<float>(wanted_[n % 50].size(), -2), {out.dim[0]}));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const mu_tensor* const in = &views_[3 * (numbers[i] % 50)];
    moved.push_back({sizeof(mu_graph_run), numbers[i], 2, 1, in, &to[i]});
  }
  ASSERT_EQ(graphs().update(g, 4, moved.data(), &error_), MU_OK) << error_.message;
  ASSERT_EQ(graphs().launch(g, nullptr, &error_), MU_OK) << error_.message;
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(read<float>(to[i]), wanted_[numbers[i] % 50]) << numbers[i];
  check();
  graphs().destroy(g);
}

}  // namespace
