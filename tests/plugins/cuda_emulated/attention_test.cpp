// Attention by the tables, on the emulated runtime: launches, refusals, workspace.
#include "beside_builtin.hpp"

namespace emulated_test {
namespace {

mu_op_attention attention(std::uint32_t kind = MU_ATTENTION, std::uint32_t flags = 0) {
  return {{sizeof(mu_op_attention), MU_OP_ATTENTION}, kind, flags, 0.5, 0};
}

struct Form {
  Sizes batch;
  std::int64_t queries, keys, width, values;
  bool causal = false, biased = false;
};
Sizes with(Sizes batch, std::int64_t rows, std::int64_t columns) {
  batch.push_back(rows), batch.push_back(columns);
  return batch;
}

class CudaEmulatedAttention : public CudaEmulatedBesideBuiltin {
 protected:
  void expect_builtin(const Form& f) {
    const Sizes q = with(f.batch, f.queries, f.width), k = with(f.batch, f.keys, f.width), v = with(f.batch, f.keys, f.values);
    const Sizes y = with(f.batch, f.queries, f.values), lse = with(f.batch, f.queries, 1), bias = with(f.batch, f.queries, f.keys);
    mu_op_attention op = attention(MU_ATTENTION, f.causal ? MU_ATTENTION_CAUSAL : 0u);
    op.ahead = 1;
    std::vector<std::vector<float>> values{some(q), some(k), some(v)}, made, gradients;
    std::vector<Sizes> in{q, k, v};
    const std::vector<float> added = f.biased ? some(bias) : std::vector<float>();
    if (f.biased) in.push_back(bias), values.push_back(added);
    expect_same(op, values, in, {y}, made);
    expect_same(op, values, in, {y, lse}, made);
    if (HasFatalFailure()) return;
    op.kind = MU_ATTENTION_BACKWARD;
    values.resize(3), in = {q, k, v, y, lse, y};
    values.insert(values.end(), {made[0], made[1], some(y)});
    if (f.biased) in.push_back(bias), values.push_back(added);
    expect_same(op, values, in, {q, k, v}, gradients);
  }
};

TEST_F(CudaEmulatedAttention, ForwardAndBackward) {
  const Form forms[] = {
      {{}, 1, 1, 1, 1},    {{2, 3}, 5, 70, 8, 4, true}, {{2}, 70, 66, 3, 66, true, true}, {{2}, 3, 4, 200, 2, false, true},
      {{2}, 3, 4, 2, 200}, {{}, 64, 64, 64, 64}};
  for (const Form& f : forms) {
    expect_builtin(f);
    if (HasFatalFailure()) return;
  }
}

// Blocks of a grid that is full go on with more.
TEST_F(CudaEmulatedAttention, OfMoreTilesThanAGridHas) {
  const std::int64_t items = (1 << 16) + 3;
  const mu_tensor q = on_device(some({items, 1, 1}), {items, 1, 1}), none = on_device(std::vector<float>(1), {items, 0, 1});
  const mu_tensor y = on_device(std::vector<float>(static_cast<std::size_t>(items), 55.f), {items, 1, 1});
  ASSERT_EQ(run_all(attention(), {q, none, none}, {y}), MU_OK) << error_.message;
  EXPECT_EQ(read<float>(y), std::vector<float>(static_cast<std::size_t>(items)));
}

TEST_F(CudaEmulatedAttention, OfNothing) {
  for (const Form& f :
       {Form{{2}, 3, 0, 2, 2}, Form{{2}, 0, 3, 2, 2}, Form{{0}, 3, 3, 2, 2}, Form{{2}, 3, 3, 0, 2}, Form{{2}, 3, 3, 2, 0}}) {
    expect_builtin(f);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaEmulatedAttention, FailedLaunchesAndMissingWorkspaceAreTold) {
  const mu_tensor x = on_device(some({4, 3}), {4, 3}), lse = on_device(some({4, 1}), {4, 1});
  const Views in{x, x, x, x, lse, x},
      out{on_device(some({4, 3}), {4, 3}), on_device(some({4, 3}), {4, 3}), on_device(some({4, 3}), {4, 3})};
  const mu_op_attention back = attention(MU_ATTENTION_BACKWARD);
  expect(run_all(back, in, out, false), MU_INVALID, "[attention] the plan's workspace is missing");
  EXPECT_EQ(info_.workspace_bytes, 256u);
  const std::string why = ": too many resources requested for launch";
  emulated = "fail=cudaLaunchKernel:1:701";
  expect(run_all(back, in, out), MU_INTERNAL, "[cuda] what gradients need of queries can't be computed" + why);
  emulated = "fail=cudaLaunchKernel:2:701";
  expect(run_all(back, in, out), MU_INTERNAL, "[cuda] gradients of queries can't be computed" + why);
  emulated = "fail=cudaLaunchKernel:3:701";
  expect(run_all(back, in, out), MU_INTERNAL, "[cuda] gradients of keys can't be computed" + why);
  emulated = "fail=cudaLaunchKernel:1:701 ";
  expect(run_all(attention(), {x, x, x}, {out[0]}), MU_INTERNAL, "[cuda] attention can't be computed" + why);
  EXPECT_EQ(info_.workspace_bytes, 0u);
}

TEST_F(CudaEmulatedAttention, WhatDoesNotFitIsRefused) {
  const mu_tensor q = of({2, 3, 4}), k = of({2, 5, 4}), v = of({2, 5, 6}), y = of({2, 3, 6}), lse = of({2, 3, 1}), bias = of({2, 3, 5});
  const mu_op_attention forth = attention(), back = attention(MU_ATTENTION_BACKWARD);
  const auto invalid = [&](const mu_op_attention& op, const Views& in, const Views& out, const std::string& text) {
    expect_refused(op, in, out, MU_INVALID, "[attention] " + text);
  };
  invalid(forth, {q, k}, {y}, "takes 3 inputs and gives 1 results: 2 and 1");
  invalid(forth, {q, k, v, bias, bias}, {y}, "takes 3 inputs and gives 1 results: 5 and 1");
  invalid(forth, {q, k, v}, {y, lse, lse}, "takes 3 inputs and gives 1 results: 3 and 3");
  invalid(back, {q, k, v, y, lse, y, bias}, {q, k}, "takes 7 inputs and gives 3 results: 7 and 2");
  invalid(forth, {of({4}), k, v}, {y}, "all views have one rank, 2 to 8: (4)");
  invalid(forth, {q, of({5, 4}), v}, {y}, "k doesn't fit q: (5, 4) and (2, 3, 4)");
  invalid(forth, {q, of({2, 5, 3}), v}, {y}, "k doesn't fit q: (2, 5, 3) and (2, 3, 4)");
  invalid(forth, {q, k, of({2, 4, 6})}, {y}, "v doesn't fit q: (2, 4, 6) and (2, 3, 4)");
  invalid(forth, {q, k, of({3, 5, 6})}, {y}, "v doesn't fit q: (3, 5, 6) and (2, 3, 4)");
  invalid(forth, {q, k, of({2, 5, 6}, MU_F16)}, {y}, "v has another element type than q");
  invalid(forth, {q, k, v, of({2, 3, 4})}, {y}, "the bias doesn't fit q: (2, 3, 4) and (2, 3, 4)");
  invalid(forth, {q, k, v}, {of({2, 3, 5})}, "y doesn't fit q: (2, 3, 5) and (2, 3, 4)");
  invalid(forth, {q, k, v}, {y, of({2, 3, 2})}, "lse doesn't fit q: (2, 3, 2) and (2, 3, 4)");
  invalid(back, {q, k, v, of({2, 3, 5}), lse, y}, {q, k, v}, "y doesn't fit q: (2, 3, 5)");
  invalid(back, {q, k, v, y, of({2, 2, 1}), y}, {q, k, v}, "lse doesn't fit q: (2, 2, 1)");
  invalid(back, {q, k, v, y, lse, q}, {q, k, v}, "dy doesn't fit q: (2, 3, 4)");
  invalid(back, {q, k, v, y, lse, y}, {k, k, v}, "dq doesn't fit q: (2, 5, 4)");
  invalid(back, {q, k, v, y, lse, y}, {q, q, v}, "dk doesn't fit q: (2, 3, 4)");
  invalid(back, {q, k, v, y, lse, y}, {q, k, k}, "dv doesn't fit q: (2, 5, 4)");
}

TEST_F(CudaEmulatedAttention, WhatItIsNotForIsLeftToOthers) {
  const auto refused = [&](const mu_op_attention& op, const Views& in, const Views& out, const std::string& text) {
    expect_refused(op, in, out, MU_UNSUPPORTED, "[attention] " + text);
  };
  const mu_tensor q = of({2, 3, 4}), wide = of({2, 3, 4}, MU_F64);
  refused(attention(2), {q, q, q}, {q}, "kind 2 with flags 0 is not known here");
  refused(attention(MU_ATTENTION, 2), {q, q, q}, {q}, "kind 0 with flags 2 is not known here");
  refused(attention(), {wide, wide, wide}, {wide}, "is for float32, float16 and bfloat16");
  // Few queries, or few tiles of them, and many keys.
  const auto of_sizes = [&](std::int64_t items, std::int64_t queries, std::int64_t keys, mu_dtype type = MU_BF16) {
    const mu_tensor x = of({items, queries, 8}, type), k = of({items, keys, 8}, type);
    mu_plan* plan = nullptr;
    const mu_code code = plan_all(attention(), {x, k, k}, {x}, plan);
    plugin_->compute->plan_destroy(plan);
    return code == MU_OK;
  };
  EXPECT_TRUE(of_sizes(1000, 15, 1023));
  EXPECT_FALSE(of_sizes(1000, 15, 1024));
  EXPECT_TRUE(of_sizes(1000, 16, 1024));
  EXPECT_TRUE(of_sizes(33, 64, 1024));
  EXPECT_FALSE(of_sizes(32, 64, 1024));
  EXPECT_FALSE(of_sizes(32, 64, 8192));
  EXPECT_TRUE(of_sizes(32, 64, 8193));  // scores of more than 64 MiB
  EXPECT_TRUE(of_sizes(17, 65, 1024));
  const mu_tensor x = of({2, 15, 8}), k = of({2, 2000, 8});
  refused(attention(), {x, k, k}, {x}, "of 15 queries and 2000 keys in 2 items is faster as products");
}

}  // namespace
}  // namespace emulated_test
