// Pending expressions: fused and op by op give the same bits, and programs stay bounded.
#include <set>

#include "core/evaluate.hpp"
#include "core/literal.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "plan_limit.hpp"
#include "random_expression.hpp"

namespace mushin::core::test {
namespace {

// The CPU backends, where the default device is one: programs take turns on them.
std::vector<mushin::Device> backends() {
  std::vector<mushin::Device> all;
  for (const mushin::Device& d : mushin::devices())
    if (d.host_memory() && mushin::default_device().host_memory()) all.push_back(d);
  if (all.empty()) all.push_back(mushin::default_device());
  return all;
}

// Each part, on each backend, in one of so many programs at least; epilogues where there are any.
void expect_parts(const Counts& counts, unsigned programs, const mushin::Device& d) {
  constexpr struct {
    const char* name;
    unsigned one_of;
  } parts[] = {{"body", 1},    {"outputs", 8}, {"bias", 4},      {"activation", 4}, {"residual", 4},
               {"scaling", 4}, {"softmax", 4}, {"normalize", 4}, {"cast", 2},       {"half", 8}};
  const auto missed = static_cast<std::size_t>(Part::missed);
  EXPECT_EQ(d.host_memory() ? counts[missed] : 0, 0u) << d.name();
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    const bool epilogue = i >= static_cast<std::size_t>(Part::bias) && i <= static_cast<std::size_t>(Part::scaling);
    if (epilogue && !d.host_memory())
      EXPECT_EQ(counts[i], 0u) << parts[i].name;
    else
      EXPECT_GE(counts[i], programs / parts[i].one_of) << parts[i].name << " on " << d.name();
  }
}

TEST(Lazy, FusedSplitAndEagerAreBitEqual) {
  const std::vector<mushin::Device> on = backends();
  const unsigned programs = on[0].host_memory() ? 10000 : 1000, turns = static_cast<unsigned>(on.size());
  const mushin::Device before = mushin::default_device();
  std::vector<Counts> counts(turns);
  for (unsigned i = 0; i < programs; ++i) {
    const unsigned turn = i % turns, seed = i / turns;
    mushin::set_default_device(on[turn]);
    set_eager(true);
    const auto eager_bytes = RandomExpression(seed).run();
    set_eager(false);
    RandomExpression fused(seed);
    ASSERT_TRUE(eager_bytes == fused.run()) << "fused, seed " << seed << ", " << name_of(type_of(seed)) << " on " << on[turn].name();
    ASSERT_TRUE(eager_bytes == RandomExpression(seed, true).run())
        << "split, seed " << seed << ", " << name_of(type_of(seed)) << " on " << on[turn].name();
    for (std::size_t k = 0; k < counts[turn].size(); ++k) counts[turn][k] += fused.counts()[k];
  }
  mushin::set_default_device(before);
  for (unsigned turn = 0; turn < turns; ++turn) expect_parts(counts[turn], programs / turns, on[turn]);
}

TEST(Lazy, ExpressionsArePendingUntilNeeded) {
  const Array a = array({4}, {1, 2, 3, 4});
  const Array b = mul(add(a, a), a);
  EXPECT_FALSE(is_buffer(node_of(b)));
  evaluate(b);
  EXPECT_TRUE(is_buffer(node_of(b)));
  EXPECT_EQ(values(b), (Values{2, 8, 18, 32}));
}

TEST(Lazy, DeepChains) {
  const Array one = array({3}, {1, 2, 3});
  Array x = one, doubled = one;
  for (int i = 0; i < 100000; ++i) x = add(x, one);
  EXPECT_EQ(values(x), (Values{100001, 200002, 300003}));
  for (int i = 0; i < 100; ++i) doubled = add(doubled, doubled);
  EXPECT_EQ(value(doubled), 0x1p100);
  std::vector<Array> all{one};
  for (int i = 0; i < 300; ++i) all.push_back(add(all.back(), all[all.size() / 2]));
  EXPECT_GT(value(all.back()), 1);
}

TEST(Lazy, WideExpressionsAreSplit) {
  std::vector<Array> leaves;
  for (int i = 0; i < 200; ++i) leaves.push_back(array({4}, Values(4, i)));
  while (leaves.size() > 1) {
    std::vector<Array> next;
    for (std::size_t i = 0; i + 1 < leaves.size(); i += 2) next.push_back(add(leaves[i], leaves[i + 1]));
    if (leaves.size() % 2) next.push_back(leaves.back());
    leaves = next;
  }
  EXPECT_EQ(values(leaves[0]), Values(4, 199 * 100));
}

TEST(Lazy, ExpressionsAreBounded) {
  Array chain = array({4}, {1, 2, 3, 4}), tree = chain;
  for (int i = 0; i < 1000; ++i) {
    chain = tanh(chain), tree = add(tree, mul(tree, array({4}, Values(4, i))));
    ASSERT_LE(node_of(chain)->cost, 64u) << "what every plugin takes in one program";
    ASSERT_LE(node_of(tree)->cost, 64u);
  }
}

// What is computed again is bounded, too: a dear value that somebody holds is an output of the pass in which it is met first.
TEST(Lazy, DearValuesThatOthersHoldAreWrittenOut) {
  const Array x = array({4}, {0.25, 0.5, 0.75, 1});
  const Array cheap = neg(x), product = mul(cheap, x);
  evaluate(product);
  EXPECT_FALSE(is_buffer(node_of(cheap))) << "one instruction costs less than its memory";
  Array dear = x;
  for (int i = 0; i < 8; ++i) dear = tanh(add(dear, x));
  const Array first = add(dear, x), second = mul(dear, x);
  const std::size_t plans = plan_count();
  evaluate(first);
  EXPECT_EQ(plan_count(), plans + 1) << "in one pass";
  EXPECT_TRUE(is_buffer(node_of(dear)));
  EXPECT_EQ(node_of(second)->cost, 17u);
  evaluate(second);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(values(second)[i], static_cast<float>(values(dear)[i] * values(x)[i]));
}

TEST(Lazy, ManyRootsInOneCall) {
  std::vector<Array> all;
  const Array a = array({6}, random_values(6, -1, 1)), b = array({2, 3}, random_values(6, -1, 1));
  for (int i = 0; i < 40; ++i) all.push_back(add(i % 2 ? a : b, literal(i, dtype::f32)));
  all.push_back(all[3]);
  all.push_back(full({3}, dtype::f32, 0.3));
  all.push_back(literal(2, dtype::f32));
  evaluate(all.data(), static_cast<unsigned>(all.size()));
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(is_buffer(node_of(all[static_cast<std::size_t>(i)])));
    EXPECT_FLOAT_EQ(static_cast<float>(value(all[static_cast<std::size_t>(i)])), static_cast<float>(value(i % 2 ? a : b) + i));
  }
}

TEST(Lazy, AValueThatVariesMakesNoPlan) {
  const Array a = array({4}, {1, 2, 3, 4});
  auto run = [&](double rate) { return value(sub(a, mul(literal(rate, dtype::f32), a))); };
  run(0.1);
  const std::size_t before = plan_count();
  for (int i = 0; i < 100; ++i) run(0.123 + i);
  EXPECT_EQ(plan_count(), before);
  run(2);  // baked
  EXPECT_EQ(plan_count(), before + 1);
}

TEST(Lazy, SizesMakeNoPlans) {
  auto run = [&](std::int64_t n) {
    return values(tanh(add(array({n}, Values(static_cast<std::size_t>(n), 1)), array({n}, Values(static_cast<std::size_t>(n), 2)))));
  };
  run(7);
  const std::size_t before = plan_count();
  for (std::int64_t n = 8; n < 100; ++n) run(n);
  EXPECT_EQ(plan_count(), before);
}

TEST(Lazy, EndlessProgramsLeaveBoundedPlans) {
  const PlanLimit limit(64);
  const Array x = array({3}, {0.25, 0.5, 0.75});
  auto often = [&] { return value(sigmoid(sub(x, tanh(x)))); };
  const double want = often();
  std::vector<Values> first;
  std::size_t waiting = 0;
  for (unsigned round = 0; round < 2; ++round)
    for (unsigned i = 0; i < 300; ++i) {
      const Values v = values(distinct_program(x, i));
      if (round == 0)
        first.push_back(v);
      else
        EXPECT_EQ(v, first[i]) << "its plan was made again";
      EXPECT_LE(plan_count(), 64u);
      EXPECT_LE(evicted_plan_count(), 16u);
      waiting = std::max(waiting, evicted_plan_count());
      const std::size_t plans = plan_count();
      EXPECT_EQ(often(), want);
      EXPECT_EQ(plan_count(), plans) << "what is found again and again stays";
    }
  EXPECT_GT(waiting, 0u) << "who evicts is in a section, and might still run what it evicted";
}

// Run with MUSHIN_PLAN_CACHE=48, =many, and without.
TEST(PlanLimits, AreTheVariables) {
  const char* set = std::getenv("MUSHIN_PLAN_CACHE");
  if (set && std::string(set) == "many") {
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(error_of<Error>([] {
                  values(neg(array({3}, {1, 2, 3})));
                }),
                "[plans] MUSHIN_PLAN_CACHE is a number of plans, at least 1: \"many\"");
    return;
  }
  EXPECT_EQ(plan_limit(), set ? 48u : 4096u);
  for (unsigned i = 0; i < 60; ++i) values(distinct_program(array({3}, {0.25, 0.5, 0.75}), i));
  EXPECT_EQ(plan_count() > 48, !set);
}

TEST(Lazy, RecordingsKeepTheirPlans) {
  const PlanLimit limit(16);
  constexpr unsigned n = 8;
  const Array x = array({3}, {0.25, 0.5, 0.75}), other = array({3}, {2, 4, 3});
  auto use_others = [&](unsigned from) {
    for (unsigned i = from; i < from + 100; ++i) values(distinct_program(x, i));
    return evicted_plan_count();
  };
  EXPECT_LT(use_others(300), n);
  {
    Array in[] = {array({3}, {1, 2, 3})}, result[n];
    Recording r;
    r.begin(in, 1);
    for (unsigned i = 0; i < n; ++i) result[i] = distinct_program(in[0], i);
    r.end(result, n);
    EXPECT_GE(use_others(400), n) << "out of the cache, but not gone";
    r.replay(&other, result);
    for (unsigned i = 0; i < n; ++i) EXPECT_EQ(values(result[i]), values(distinct_program(other, i)));
  }
  EXPECT_LT(use_others(500), n) << "gone with the recording";
}

TEST(Lazy, LiteralsFold) {
  auto lit = [](double v) { return literal(v, dtype::f32); };
  for (const Array& a : {add(lit(2), lit(3)), mul(sub(lit(2), lit(0.5)), lit(3)), sqrt(lit(4)), where(less(lit(1), lit(2)), lit(5), lit(6)),
                         exp(lit(1)), cast(lit(2.7), dtype::i64), add(full({2, 2}, dtype::f32, 1), lit(1)), broadcast_to(lit(3), {4, 4})})
    EXPECT_TRUE(is_literal(node_of(a)));
  EXPECT_EQ(value(mul(sub(lit(2), lit(0.5)), lit(3))), 4.5);
  EXPECT_EQ(value(div(literal(7, dtype::i64), literal(2, dtype::i64))), 3);
  EXPECT_EQ(value(div(literal(7, dtype::i64), literal(0, dtype::i64))), 0);
  EXPECT_EQ(value(cast(lit(2.7), dtype::i64)), 2);
  const Array a = array({3}, {1, 2, 3});
  EXPECT_EQ(mul(a, lit(1)).node(), a.node());
  EXPECT_EQ(sub(a, lit(0)).node(), a.node());
  EXPECT_EQ(mul(full({3}, dtype::f32, 1), a).node(), a.node());
  EXPECT_NE(mul(a, full({1, 3}, dtype::f32, 1)).node(), a.node());
  EXPECT_EQ(values(mul(full({2, 3}, dtype::f32, 1), a)), (Values{1, 2, 3, 1, 2, 3}));
}

TEST(Lazy, OneElementIsNoScalar) {
  for (std::int64_t n : {1, 5, 1, 3}) {
    const Array a = array({n}, Values(static_cast<std::size_t>(n), 2)), b = array({1}, {3}), c = array({}, {4});
    EXPECT_EQ(values(add(mul(a, b), c)), Values(static_cast<std::size_t>(n), 10));
  }
}

TEST(Lazy, OptionalOpcodesAndConstants) {
  const Array x = array({3}, {-1, 0, 2});
  const Array gelu =
      mul(mul(constant(0.5, dtype::f32), x), add(constant(1, dtype::f32), erf(mul(x, constant(std::sqrt(0.5), dtype::f32)))));
  const Values v = values(gelu);
  EXPECT_NEAR(v[0], -0.15865, 1e-4);
  EXPECT_NEAR(v[2], 1.9545, 1e-4);
}

TEST(Lazy, MoreInputsThanThePluginTakes) {
  // Evaluated parts become inputs: an expression that met the bounds when it was built may exceed them later.
  std::vector<Array> parts;
  const Array x = array({4}, {1, 2, 3, 4});
  Array sum_of_all = x;
  for (int i = 0; i < 22; ++i) {
    parts.push_back(add(x, literal(0.5 + i, dtype::f32)));
    sum_of_all = add(sum_of_all, parts.back());
  }
  for (const Array& p : parts) evaluate(p);
  double want = 1;
  for (int i = 0; i < 22; ++i) want += 1.5 + i;
  EXPECT_EQ(value(sum_of_all), want);
}

}  // namespace
}  // namespace mushin::core::test
