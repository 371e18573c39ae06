// Recurrent layers by the tables, on the emulated runtime: values, workspace, what is refused or fails, graphs.
#include <cmath>

#include "beside_builtin.hpp"
#include "mushin/plugin_graph.h"

namespace emulated_test {
namespace {

constexpr std::uint32_t cells[] = {MU_RNN_TANH, MU_RNN_RELU, MU_RNN_LSTM, MU_RNN_GRU};
mu_op_rnn rnn_op(std::uint32_t kind, std::uint32_t flags = 0) { return {{sizeof(mu_op_rnn), MU_OP_RNN}, kind, flags}; }

/// What a layer of so many steps takes and gives.
struct Layer {
  Sizes x, w, state, bias, y, s;
  Layer(std::uint32_t kind, std::int64_t time, std::int64_t batch, std::int64_t n) {
    constexpr std::int64_t gates[] = {1, 1, 4, 3}, saved[] = {0, 0, 5, 4};
    x = {time, batch, gates[kind] * n}, w = {gates[kind] * n, n}, state = {batch, n}, bias = {n}, y = {time, batch, n};
    s = {time, batch, saved[kind] * n};
  }
};

class CudaEmulatedRnn : public CudaEmulatedBesideBuiltin {
 protected:
  void SetUp() override { open("programs=builtin"); }

  // Both directions of an op, one behind the other.
  template <class T>
  void expect_builtin(std::uint32_t kind, std::uint32_t flags, std::int64_t time, std::int64_t batch, std::int64_t n) {
    SCOPED_TRACE("kind " + std::to_string(kind) + " flags " + std::to_string(flags) + " of " + std::to_string(time) + ", " +
                 std::to_string(batch) + ", " + std::to_string(n));
    const Layer l(kind, time, batch, n);
    const bool lstm = kind == MU_RNN_LSTM, gru = kind == MU_RNN_GRU;
    std::vector<std::vector<float>> values{some(l.x), some(l.w), some(l.state)}, made, gradients;
    std::vector<Sizes> in{l.x, l.w, l.state}, out{l.y};
    if (lstm) in.push_back(l.state), out.insert(out.end(), {l.s, l.state});
    if (gru) in.push_back(l.bias), out.push_back(l.s);
    if (lstm || gru) values.push_back(some(in.back()));
    expect_same<T>(rnn_op(kind, flags), values, in, out, made);
    if (HasFatalFailure()) return;

    in = {l.w, l.state}, out = {l.x, l.state};
    values.erase(values.begin());
    if (lstm) in.push_back(l.state), out.push_back(l.state);
    if (gru) values.pop_back(), out.push_back(l.y);
    in.push_back(l.y), values.push_back(made[0]);
    if (lstm || gru) in.push_back(l.s), values.push_back(made[1]);
    in.push_back(l.y), values.push_back(some(l.y));
    if (lstm) in.push_back(l.state), values.push_back(some(l.state));
    expect_same<T>(rnn_op(kind, flags | MU_RNN_BACKWARD), values, in, out, gradients);
  }

  // The views of a forward pass of a GRU, on the device.
  struct Gru {
    Layer l{MU_RNN_GRU, 3, 2, 5};
    Views in, out;
  };
  Gru gru() {
    Gru g;
    for (const Sizes& d : {g.l.x, g.l.w, g.l.state, g.l.bias}) g.in.push_back(on_device(some(d), d));
    for (const Sizes& d : {g.l.y, g.l.s}) g.out.push_back(on_device(some(d), d));
    return g;
  }
  // Likewise of the backward pass that follows.
  Gru backward_of(const Gru& forward) {
    Gru g;
    const mu_tensor dy = on_device(some(g.l.y), g.l.y);
    g.in = {forward.in[1], forward.in[2], forward.out[0], forward.out[1], dy};
    for (const Sizes& d : {g.l.x, g.l.state, g.l.y}) g.out.push_back(on_device(some(d), d));
    return g;
  }
};

TEST_F(CudaEmulatedRnn, LayersGiveTheBuiltinBackendsValues) {
  for (const std::uint32_t kind : cells)
    for (const std::uint32_t reverse : {0u, MU_RNN_REVERSE}) {
      expect_builtin<float>(kind, reverse, 1, 1, 1);
      expect_builtin<float>(kind, reverse, 4, 3, 5);
      expect_builtin<float>(kind, reverse, 3, 17, 32);
      expect_builtin<double>(kind, reverse, 4, 3, 5);
      if (HasFatalFailure()) return;
    }
}

TEST_F(CudaEmulatedRnn, ThereMayBeNoRows) {
  for (const std::uint32_t kind : cells) expect_builtin<float>(kind, 0, 3, 0, 4);
}

TEST_F(CudaEmulatedRnn, NaNAndInfinitiesGoThrough) {
  // The state is 0, so the product is.
  const Sizes row{1, 1, 4}, state{1, 4}, square{4, 4};
  const mu_tensor x = on_device(std::vector<float>{NAN, -INFINITY, INFINITY, -0.5f}, row), y = on_device(std::vector<float>(4), row);
  const mu_tensor w = on_device(std::vector<float>(16, 1), square), h = on_device(std::vector<float>(4), state);
  ASSERT_EQ(run_all(rnn_op(MU_RNN_TANH), {x, w, h}, {y}), MU_OK) << error_.message;
  const std::vector<float> of_tanh = read<float>(y);
  ASSERT_EQ(run_all(rnn_op(MU_RNN_RELU), {x, w, h}, {y}), MU_OK) << error_.message;
  const std::vector<float> of_relu = read<float>(y);
  EXPECT_TRUE(std::isnan(of_tanh[0]) && std::isnan(of_relu[0]));
  EXPECT_EQ(of_tanh[1], -1);
  EXPECT_EQ(of_tanh[2], 1);
  EXPECT_EQ(std::vector<float>(of_relu.begin() + 1, of_relu.end()), (std::vector<float>{0, INFINITY, 0}));
}

TEST_F(CudaEmulatedRnn, WhatItIsNotForIsRefused) {
  const mu_op_rnn tanh = rnn_op(MU_RNN_TANH), lstm = rnn_op(MU_RNN_LSTM);
  const mu_tensor x = of({3, 2, 4}), w = of({4, 4}), h = of({2, 4}), y = of({3, 2, 4});
  const auto invalid = [&](const mu_op_rnn& op, const Views& in, const Views& out, const std::string& text) {
    expect_refused(op, in, out, MU_INVALID, "[rnn] " + text);
  };
  const auto unsupported = [&](const mu_op_rnn& op, const Views& in, const Views& out, const std::string& text) {
    expect_refused(op, in, out, MU_UNSUPPORTED, "[rnn] " + text);
  };
  unsupported(rnn_op(4), {x, w, h}, {y}, "kind 4 is not known here");
  unsupported(rnn_op(MU_RNN_TANH, 4), {x, w, h}, {y}, "flags 4 are not known here");
  invalid(tanh, {x, w}, {y}, "takes 3 inputs and gives 1 results: 2 and 1");
  invalid(rnn_op(MU_RNN_TANH, MU_RNN_BACKWARD), {w, h, y, y}, {x}, "takes 4 inputs and gives 2 results: 4 and 1");
  invalid(rnn_op(MU_RNN_GRU), {x, w, h}, {y}, "takes 4 inputs and gives 2 results: 3 and 1");
  invalid(rnn_op(MU_RNN_GRU, MU_RNN_BACKWARD), {w, h, y, y}, {x, h}, "takes 5 inputs and gives 3 results: 4 and 2");
  invalid(lstm, {x, w, h}, {y}, "takes 4 inputs and gives 3 results: 3 and 1");
  invalid(rnn_op(MU_RNN_LSTM, MU_RNN_BACKWARD), {w, h, h, y, y, y}, {x, h, h}, "takes 7 inputs and gives 3 results: 6 and 3");
  invalid(tanh, {x, w, h}, {of({0, 2, 4})}, "y is not (time, batch, hidden) of a step at least: (0, 2, 4)");
  invalid(tanh, {of({3, 2, 5}), w, h}, {y}, "a view does not have its sizes, row-major: (3, 2, 5)");
  invalid(tanh, {x, view(nullptr, MU_F32, {4, 4}, {1, 4}), h}, {y}, "a view does not have its sizes, row-major: (4, 4)");
  invalid(tanh, {x, w, of({3, 4})}, {y}, "a view does not have its sizes, row-major: (3, 4)");
  const mu_tensor wide = of({3, 2, 16}), of_gates = of({16, 4}), saved = of({3, 2, 20});
  invalid(lstm, {wide, of_gates, h, of({2, 5})}, {y, saved, h}, "a view does not have its sizes, row-major: (2, 5)");
  invalid(lstm, {wide, of_gates, h, h}, {y, of({3, 2, 16}), h}, "a view does not have its sizes, row-major: (3, 2, 16)");
  invalid(rnn_op(MU_RNN_GRU), {of({3, 2, 12}), of({12, 4}), h, h}, {y, of({3, 2, 16})},
          "a view does not have its sizes, row-major: (2, 4)");
  invalid(tanh, {x, of({4, 4}, MU_F64), h}, {y}, "element types differ");
  const auto halves = [](const mu_tensor& v) { return of({v.dim, v.dim + v.rank}, MU_F16); };
  unsupported(tanh, {halves(x), halves(w), halves(h)}, {halves(y)}, "float32 and float64 only");
  const std::int64_t many = std::int64_t{1} << 29;
  unsupported(tanh, {of({1, many, 4}), w, of({many, 4})}, {of({1, many, 4})}, "states of 2^31 numbers and more are not for these kernels");
}

TEST_F(CudaEmulatedRnn, FailedLaunchesAndProductsAndMissingWorkspaceAreTold) {
  const Gru forward = gru(), back = backward_of(forward);
  const mu_op_rnn forth = rnn_op(MU_RNN_GRU), backward = rnn_op(MU_RNN_GRU, MU_RNN_BACKWARD);
  expect(run_all(forth, forward.in, forward.out, false), MU_INVALID, "[rnn] the plan's workspace is missing");
  const std::string why = "[cuda] [rnn] a step can't be launched: too many resources requested for launch";
  const auto fails = [&](const char* what, const std::string& text) {
    emulated = std::string("programs=builtin ") + what;
    expect(run_all(forth, forward.in, forward.out), MU_INTERNAL, text);
    emulated += " ";
    expect(run_all(backward, back.in, back.out), MU_INTERNAL, text);
  };
  fails("fail=cudaLaunchKernel:1:701", why);
  fails("fail=cudaLaunchKernel:3:701", why);
  fails("fail=cublasLtMatmul:2:14", "[matmul] cuBLASLt refused a product");
  emulated = "programs=builtin fail=cudaLaunchKernel:4:701";
  expect(run_all(backward, back.in, back.out), MU_INTERNAL, why);  // of the sum behind all steps
}

TEST_F(CudaEmulatedRnn, AllStepsAreCaptured) {
  const auto& graphs = *static_cast<const mu_graph_table*>(plugin_->extension(MU_EXT_GRAPH, 1));
  const Gru g = gru();
  const mu_op_rnn op = rnn_op(MU_RNN_GRU);
  mu_plan* plan = nullptr;
  ASSERT_EQ(plan_all(op, g.in, g.out, plan), MU_OK) << error_.message;
  mu_buffer* const workspace = room(info_.workspace_bytes);
  ASSERT_EQ(graphs.capture_begin(device_, nullptr, &error_), MU_OK) << error_.message;
  EXPECT_EQ(plugin_->compute->plan_run(plan, nullptr, size(g.in), g.in.data(), size(g.out), g.out.data(), workspace, 0, &error_), MU_OK)
      << error_.message;
  mu_graph* graph = nullptr;
  ASSERT_EQ(graphs.capture_end(device_, nullptr, &graph, &error_), MU_OK) << error_.message;
  for (int round = 0; round < 2; ++round) {
    const std::vector<float> x = some(g.l.x);
    ASSERT_EQ(plugin_->memory->upload(device_, nullptr, g.in[0].buffer, 0, x.data(), x.size() * sizeof(float), &error_), MU_OK);
    ASSERT_EQ(graphs.launch(graph, nullptr, &error_), MU_OK) << error_.message;
    const std::vector<float> replayed = read<float>(g.out[0]);
    EXPECT_EQ(run_all(op, g.in, g.out), MU_OK) << error_.message;
    EXPECT_EQ(replayed, read<float>(g.out[0]));
    EXPECT_NE(replayed, some(g.l.y));
  }
  graphs.destroy(graph);
  plugin_->compute->plan_destroy(plan);
}

}  // namespace
}  // namespace emulated_test
