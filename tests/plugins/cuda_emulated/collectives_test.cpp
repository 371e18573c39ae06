// Collectives by an emulated NCCL: what is told where it is missing, old, late or fails. Values: "collectives emulated cuda".
#include "mushin/plugin_collectives.h"

#include "emulated_device.hpp"
#include "mushin/plugin_graph.h"

namespace {

using namespace emulated_test;

class CudaEmulatedCollectives : public CudaEmulatedDevice {
 protected:
  const mu_collectives_table& table() const {
    return *static_cast<const mu_collectives_table*>(plugin_->extension(MU_EXT_COLLECTIVES, MU_EXT_COLLECTIVES_VERSION));
  }
  mu_code join(std::uint32_t rank, std::uint32_t n, std::uint64_t timeout_ns = UINT64_MAX) {
    std::uint8_t id[MU_UNIQUE_ID_BYTES];
    if (const mu_code code = table().unique_id(device_, id, &error_); code != MU_OK) return code;
    return table().join(device_, id, rank, n, ++number_, timeout_ns, &error_);
  }
  mu_op_collective sum() const { return {{sizeof(mu_op_collective), MU_OP_COLLECTIVE}, 0, MU_REDUCE_SUM, 0, 0, number_}; }
  mu_code planned(Planned& p) {
    const mu_op_collective op = sum();
    return plan(p, &op.h, {in_}, out_);
  }
  mu_code synchronize() { return plugin_->device->synchronize(device_, &error_); }
  void make_views() { in_ = on_device<float>({1, 2, 3}, {3}), out_ = on_device<float>({0, 0, 0}, {3}); }
  /// A module that has not looked for NCCL yet.
  void open_fresh(const char* set) {
    TearDown();
    device_ = nullptr, plugin_ = fresh_module();
    open(set);
  }
  void TearDown() override {
    CudaEmulatedDevice::TearDown();
    device_ = nullptr;
    buffers_.clear();
  }

  static inline std::uint64_t number_ = 0;
  mu_tensor in_{}, out_{};
};

TEST_F(CudaEmulatedCollectives, SaysWhyThereAreNone) {
  open_fresh("nccl=none");
  expect(join(0, 1), MU_UNAVAILABLE, "[cuda] no NCCL: libnccl.so.2: cannot open shared object file");
  open_fresh("nccl=21300");
  expect(join(0, 1), MU_UNAVAILABLE, "[cuda] NCCL is too old: 21300, 21400 (2.14) is needed");
  open_fresh("");
  expect(join(0, 1), MU_OK, "");
  table().leave(device_, number_);
}

TEST_F(CudaEmulatedCollectives, JoinsInTimeOrNotAtAll) {
  expect(join(0, 2, 20'000'000), MU_TIMEOUT, "rank 0: not all of 2 ranks came in time");
  expect(join(2, 2), MU_INVALID, "rank 2 came where there are 2, counted from 0");
  emulated = "fail=ncclGetUniqueId:1:2";
  expect(join(0, 1), MU_UNAVAILABLE, "unhandled error");
  emulated = "fail=ncclCommInitRankConfig:1:5";
  expect(join(0, 1), MU_INVALID, "rank 0 can't join: unhandled error: as it was asked for");
  emulated = "fail=ncclCommGetAsyncError:1:6";
  expect(join(0, 1), MU_INVALID, "rank 0 can't join: remote process exited");
}

TEST_F(CudaEmulatedCollectives, FailedRunsAreToldOnce) {
  make_views();
  ASSERT_EQ(join(0, 1), MU_OK) << error_.message;
  Planned p;
  ASSERT_EQ(planned(p), MU_OK) << error_.message;
  EXPECT_EQ(p.info.flags, MU_PLAN_CAPTURE_SAFE);  // float sums are in no order that NCCL promises
  ASSERT_EQ(run(p, {in_}, out_), MU_OK);
  ASSERT_EQ(synchronize(), MU_OK);
  EXPECT_EQ(read<float>(out_), (std::vector<float>{1, 2, 3}));
  emulated = "fail=ncclAllReduce:1:1";
  expect(run(p, {in_}, out_), MU_DISCONNECTED, "unhandled error: as it was asked for");
  expect(run(p, {in_}, out_), MU_DISCONNECTED, "unhandled error");
  expect(synchronize(), MU_DISCONNECTED, "unhandled error");
  expect(synchronize(), MU_OK, "");
  table().leave(device_, number_);
  plugin_->compute->plan_destroy(p.plan);
  ASSERT_EQ(join(0, 1), MU_OK) << error_.message;
  ASSERT_EQ(planned(p), MU_OK) << error_.message;
  table().leave(device_, number_);
  expect(run(p, {in_}, out_), MU_DISCONNECTED, "the communicator was left");
  plugin_->compute->plan_destroy(p.plan);
}

TEST_F(CudaEmulatedCollectives, WhatFailsWhileNobodyCallsIsFound) {
  make_views();
  ASSERT_EQ(join(0, 1), MU_OK) << error_.message;
  emulated = "fail=ncclCommGetAsyncError:1:6";
  mu_code code = MU_OK;
  while (code == MU_OK) code = synchronize();
  expect(code, MU_DISCONNECTED, "[collectives] remote process exited");
  expect(synchronize(), MU_OK, "");
  Planned p;
  ASSERT_EQ(planned(p), MU_OK);
  expect(run(p, {in_}, out_), MU_DISCONNECTED, "remote process exited");
  plugin_->compute->plan_destroy(p.plan);
  table().leave(device_, number_);
  expect(planned(p), MU_INVALID, "there is no communicator");
}

TEST_F(CudaEmulatedCollectives, PlansAndGraphsOutliveIt) {
  make_views();
  ASSERT_EQ(join(0, 1), MU_OK) << error_.message;
  const auto* graphs = static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  Planned p;
  ASSERT_EQ(planned(p), MU_OK);
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs->capture_begin(device_, nullptr, &error_), MU_OK);
  ASSERT_EQ(run(p, {in_}, out_), MU_OK) << error_.message;
  ASSERT_EQ(graphs->capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  table().leave(device_, number_);
  table().leave(device_, number_);
  table().abort(device_, number_);
  ASSERT_EQ(graphs->launch(graph, nullptr, &error_), MU_OK);
  ASSERT_EQ(synchronize(), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(out_), (std::vector<float>{1, 2, 3}));
  expect(run(p, {in_}, out_), MU_DISCONNECTED, "the communicator was left");
  graphs->destroy(graph);
  plugin_->compute->plan_destroy(p.plan);
}

}  // namespace
