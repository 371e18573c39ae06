// CTC by the tables, on the emulated runtime: values, workspace, what is refused, fails or is told later, graphs.
#include "../ctc_case.hpp"
#include "beside_builtin.hpp"
#include "mushin/plugin_graph.h"

namespace emulated_test {
namespace {

class CudaEmulatedCtc : public CudaEmulatedBesideBuiltin {
 protected:
  template <class T>
  Views operands(const CtcCase& c) {
    return {on_device(c.logs_as<T>(), c.dims()), on_device(c.labels, {c.batch, c.most}), on_device(c.steps, {c.batch}),
            on_device(c.lengths, {c.batch})};
  }
  template <class T>
  mu_tensor result(const CtcCase& c, bool gradient) {
    const Sizes to = gradient ? c.dims() : Sizes{c.batch};
    return on_device(std::vector<T>(static_cast<std::size_t>(count(to)), T(55)), to);
  }
  mu_code wait() { return plugin_->device->synchronize(device_, &error_); }

  template <class T>
  void expect_builtin(const CtcCase& c) {
    const Views in = operands<T>(c);
    for (const bool gradient : {false, true}) {
      SCOPED_TRACE((gradient ? "gradient of (" : "loss of (") + std::to_string(c.time) + ", " + std::to_string(c.batch) + ", " +
                   std::to_string(c.classes) + ") by " + std::to_string(c.most) + " labels, " + std::to_string(sizeof(T)) + " bytes");
      const mu_tensor out = result<T>(c, gradient);
      ASSERT_EQ(run_all(c.op(gradient), in, {out}), MU_OK) << error_.message;
      EXPECT_EQ(info_.flags, MU_PLAN_DETERMINISTIC | MU_PLAN_CAPTURE_SAFE);
      const std::vector<T> got = read<T>(out);
      EXPECT_EQ(wait(), MU_OK) << error_.message;
      expect_same_ctc(got, builtin_ctc<T>(builtin_, c, gradient));
      if (HasFatalFailure()) return;
    }
  }
};

TEST_F(CudaEmulatedCtc, RowsOfAllSizesGiveTheBuiltinBackendsValues) {
  // More rows than a block has warps; states for a warp and for both blocks.
  const std::int64_t forms[][4] = {{1, 1, 2, 1}, {9, 19, 5, 4}, {70, 3, 30, 64}, {20, 2, 9, 600}};
  for (const auto& f : forms) {
    expect_builtin<float>(ragged_ctc(random_, f[0], f[1], f[2], f[3], 0));
    expect_builtin<double>(ragged_ctc(random_, f[0], f[1], f[2], f[3], f[2] - 1));
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaEmulatedCtc, ThereMayBeNone) {
  for (const auto& c : {CtcCase{0, 3, 4, 2, 1}, CtcCase{3, 0, 4, 2, 1}, CtcCase{3, 3, 4, 0, 1}, CtcCase{0, 0, 1, 0, 0}}) {
    expect_builtin<float>(c.classes > 1 ? ragged_ctc(random_, c.time, c.batch, c.classes, c.most, c.blank) : c);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaEmulatedCtc, TheWorkspaceHoldsTheStates) {
  const CtcCase c = whole_ctc(random_, 9, 5, 4, 20, 0);
  const Views in = operands<float>(c);
  for (const bool gradient : {false, true}) {
    const mu_tensor out = result<float>(c, gradient);
    expect(run_all(c.op(gradient), in, {out}, false), MU_INVALID, "[ctc] the plan's workspace is missing");
    // 1640 bytes for two steps, 7380 for all; links of 16 bytes, and a number for each row.
    EXPECT_EQ(info_.workspace_bytes, gradient ? 7424u + 1792u + 1792u + 256u : 1792u);
  }
}

TEST_F(CudaEmulatedCtc, WhatItIsNotForIsRefused) {
  const mu_op_ctc loss = CtcCase{3, 2, 4, 2, 0}.op(false), gradient = CtcCase{3, 2, 4, 2, 0}.op(true);
  const mu_tensor p = of({3, 2, 4}), l = of({2, 2}, MU_I64), n = of({2}, MU_I64), to = of({2});
  const auto changed = [](mu_op_ctc op, std::uint32_t kind, std::int64_t blank) { return op.kind = kind, op.blank = blank, op; };
  const auto invalid = [&](const mu_op_ctc& op, const Views& in, const mu_tensor& out, const std::string& text) {
    expect_refused(op, in, {out}, MU_INVALID, "[ctc] " + text);
  };
  const auto unsupported = [&](const mu_op_ctc& op, const Views& in, const mu_tensor& out, const std::string& text) {
    expect_refused(op, in, {out}, MU_UNSUPPORTED, "[ctc] " + text);
  };
  unsupported(changed(loss, 2, 0), {p, l, n, n}, to, "kind 2 is not known here");
  invalid(loss, {p, l, n}, to, "takes 4 inputs and gives 1 results: 3 and 1");
  unsupported(loss, {of({3, 2, 4}, MU_F16), l, n, n}, of({2}, MU_F16), "float32 and float64 only");
  unsupported(loss, {of({3, 2, 4}, MU_I64), l, n, n}, of({2}, MU_I64), "float32 and float64 only");
  invalid(loss, {of({3, 2}), l, n, n}, to, "log-probabilities are (time, batch, classes): (3, 2)");
  for (const std::int64_t blank : {4, -1})
    invalid(changed(loss, MU_CTC_LOSS, blank), {p, l, n, n}, to, "the blank is no class: " + std::to_string(blank));
  const std::string whole = "labels (batch, most) and numbers (batch) are I64: ";
  invalid(loss, {p, of({2, 2}), n, n}, to, whole + "(2, 2)");
  invalid(loss, {p, of({3, 2}, MU_I64), n, n}, to, whole + "(3, 2)");
  invalid(loss, {p, n, n, n}, to, whole + "(2)");
  invalid(loss, {p, l, l, n}, to, whole + "(2, 2)");
  invalid(loss, {p, l, n, of({3}, MU_I64)}, to, whole + "(3)");
  invalid(loss, {p, l, n, n}, of({2}, MU_F64), "element types differ");
  invalid(loss, {p, l, n, n}, of({3}), "dims differ: (3) and (2)");
  invalid(gradient, {p, l, n, n}, to, "dims differ: (2) and (3, 2, 4)");
  const std::string dense = "views are dense and row-major";
  const mu_tensor turned = view(nullptr, MU_F32, {3, 2, 4}, {1, 3, 6}), apart = view(nullptr, MU_I64, {2}, {2});
  invalid(loss, {turned, l, n, n}, to, dense);
  invalid(loss, {p, l, n, apart}, to, dense);
  invalid(gradient, {p, l, n, n}, turned, dense);
  const std::int64_t many = std::int64_t{1} << 24;
  unsupported(loss, {of({many, 2, 4}), of({2, many}, MU_I64), n, n}, to,
              "2^48 states and more are not for these kernels: (16777216, 2) by 16777216 labels");
  unsupported(loss, {p, of({2, INT64_MAX / 2}, MU_I64), n, n}, to, "2^48 states and more");
}

TEST_F(CudaEmulatedCtc, AFailedLaunchIsTold) {
  const CtcCase c = whole_ctc(random_, 5, 2, 4, 2, 0);
  const Views in = operands<float>(c);
  const mu_tensor loss = result<float>(c, false), gradient = result<float>(c, true);
  const auto fails = [&](const char* which, bool of_gradient) {
    emulated = which;
    expect(run_all(c.op(of_gradient), in, {of_gradient ? gradient : loss}), MU_INTERNAL,
           "[cuda] CTC can't be launched: too many resources requested for launch");
  };
  fails("fail=cudaLaunchKernel:1:701", false);
  fails("fail=cudaLaunchKernel:1:701 ", true);
  fails("fail=cudaLaunchKernel:2:701", true);
}

TEST_F(CudaEmulatedCtc, WhatCannotBeIsToldOnceByWhatWaits) {
  const CtcCase good = whole_ctc(random_, 5, 3, 4, 2, 3);
  const auto expect_told = [&](const CtcCase& c, const std::string& text) {
    for (const bool gradient : {false, true}) {
      const Views in = operands<float>(c);
      const mu_tensor out = result<float>(c, gradient);
      ASSERT_EQ(run_all(c.op(gradient), in, {out}), MU_OK) << error_.message;
      expect(wait(), MU_INVALID, text);
      EXPECT_EQ(wait(), MU_OK) << error_.message;
      // Of the rows before and behind it nothing is lost.
      const std::vector<float> got = read<float>(out), want = builtin_ctc<float>(builtin_, good, gradient);
      EXPECT_EQ(wait(), MU_OK) << error_.message;
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE((gradient ? i / 4 % 3 : i) == 1 || std::fabs(got[i] - want[i]) < 1e-5f) << i;
    }
  };
  CtcCase c = good;
  c.steps[1] = 9;
  expect_told(c, "[ctc] there are not so many steps: 9 of 5 in row 1");
  c = good, c.lengths[1] = -1;
  expect_told(c, "[ctc] there are not so many labels: -1 of 2 in row 1");
  c = good, c.label(1, 1) = 3;
  expect_told(c, "[ctc] a label must be a class and not the blank: 3 in row 1, 4 classes, blank 3");
  c = good, c.label(1, 0) = INT64_MIN;
  expect_told(c, "[ctc] a label must be a class and not the blank: -9223372036854775808 in row 1, 4 classes, blank 3");
  // An index is told as one afterwards.
  const mu_tensor data = on_device(std::vector<float>(3), {3}), index = on_device(std::vector<std::int64_t>{7}, {1}),
                  out = on_device(std::vector<float>(1), {1});
  ASSERT_EQ(run_op(mu_op_gather{}, MU_OP_GATHER, {data, index}, out), MU_OK) << error_.message;
  expect(wait(), MU_INVALID, "[cuda] index out of range: 7 in an axis of extent 3");
}

TEST_F(CudaEmulatedCtc, WaitsBehindAReplayTellWhatCannotBeInIt) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  CtcCase c = whole_ctc(random_, 7, 2, 4, 3, 0);
  const Views in = operands<double>(c);
  const mu_tensor out = result<double>(c, true);
  const mu_op_ctc op = c.op(true);
  Planned p;
  ASSERT_EQ(plan(p, &op.h, in, out), MU_OK) << error_.message;
  ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(run(p, in, out), MU_OK) << error_.message;
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  mu_event *before = nullptr, *behind = nullptr;
  for (mu_event** e : {&before, &behind}) ASSERT_EQ(plugin_->stream->event_create(device_, 0, e, &error_), MU_OK) << error_.message;
  const auto replay = [&] {
    ASSERT_EQ(plugin_->memory->upload(device_, nullptr, in[1].buffer, 0, c.labels.data(), in[1].bytes, &error_), MU_OK);
    ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
  };
  for (int round = 0; round < 3; ++round) {
    c.label(1, 2) = 1 + round;
    replay();
    const std::vector<double> got = read<double>(out);
    EXPECT_EQ(wait(), MU_OK) << error_.message;
    expect_same_ctc(got, builtin_ctc<double>(builtin_, c, true));
    ASSERT_EQ(plugin_->stream->event_record(before, nullptr, &error_), MU_OK) << error_.message;
    c.label(1, 2) = round * 9;
    replay();
    ASSERT_EQ(plugin_->stream->event_record(behind, nullptr, &error_), MU_OK) << error_.message;
    expect(plugin_->stream->event_wait(behind, UINT64_MAX, &error_), MU_INVALID, "[ctc] a label must be a class");
    EXPECT_EQ(plugin_->stream->event_wait(before, UINT64_MAX, &error_), MU_OK) << error_.message;
    expect(wait(), MU_INVALID,
           "[ctc] a label must be a class and not the blank: " + std::to_string(round * 9) + " in row 1, 4 classes, blank 0");
  }
  for (mu_event* e : {before, behind}) plugin_->stream->event_destroy(e);
  graphs.destroy(graph);
  plugin_->compute->plan_destroy(p.plan);
}

}  // namespace
}  // namespace emulated_test
