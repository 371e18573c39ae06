// An op that a device with memory of its own refuses, under each MUSHIN_FALLBACK. MUSHIN_FAKEGPU_REFUSE names it: 8 for the suite Fallback,
// which is scatter_add; 1, 2 and 3 for the other suites.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/node.hpp"
#include "core/plans.hpp"
#include "fakegpu.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/sort.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core::test {
namespace {

std::string mode() {
  const char* set = std::getenv("MUSHIN_FALLBACK");
  return set && *set ? set : "error";
}

Array scattered() {
  const Array base = transpose(array({3, 2}, {1, 4, 2, 5, 3, 6})), at = array({2, 2}, {0, 2, 1, 1}, dtype::i64);
  return scatter_add(base, 1, at, array({2, 2}, {10, 20, 30, 40}));
}

op_support support_of(const char* name, core::Device* gpu = fake(0)) {
  for (const OpSupport& s : supported_ops(device_of(gpu)))
    if (std::string(s.op) == name) return s.by;
  return op_support::absent;
}
int warnings_of(const char* op, core::Device* gpu = fake(0)) {
  int told = 0;
  for (const PluginMessage& m : plugin_messages())
    told += m.text == std::string("[") + op + "] device " + device_of(gpu).name() + " has no such op: computed on the host, with copies";
  return told;
}

TEST(Fallback, IsRefusedCountedOrWarnedOf) {
  set_default_device(device_of(fake(0)));
  if (mode() == "perhaps") {
    EXPECT_EQ(error_of<Error>([] { scattered(); }), "[device] MUSHIN_FALLBACK must be error, warn or allow: \"perhaps\"");
    return;
  }
  EXPECT_EQ(support_of("softmax"), op_support::decomposed);
  EXPECT_EQ(support_of("gather"), op_support::native);
  if (mode() == "error") {
    EXPECT_EQ(error_of<DeviceError>([] { scattered(); }),
              "[scatter_add] device fakegpu:0 has no such op; MUSHIN_FALLBACK=allow computes it on the host, with copies");
    EXPECT_EQ(support_of("scatter_add"), op_support::absent);
    EXPECT_TRUE(fallback_counts(device_of(fake(0))).empty());
    return;
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(values(add(scattered(), scattered())), (Values{22, 4, 46, 8, 150, 12}));
  EXPECT_EQ(support_of("scatter_add"), op_support::copied);
  const auto counts = fallback_counts(device_of(fake(0)));
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(std::string(counts[0].op), "scatter_add");
  EXPECT_EQ(counts[0].runs, 6u);
  EXPECT_TRUE(fallback_counts(device_of(fake(1))).empty());
  EXPECT_EQ(warnings_of("scatter_add"), mode() == "warn" ? 1 : 0);
}

// fakegpu:1 orders no narrow integers, and all wider ones: the refusal, two conversions and its own sort are four plans.
TEST(Fallback, NarrowIntegersAreOrderedAsWiderOnes) {
  const Array narrow = to_device(array({6}, {3, -1, 2, 7, -5, 0}, dtype::i8), fake(1));
  const std::size_t plans = plan_count();
  EXPECT_EQ(values(sort(narrow, 0, false)), (Values{-5, -1, 0, 2, 3, 7}));
  EXPECT_LE(plan_count(), plans + 4);
}

TEST(Fallback, AWrongIndexIsStillAnError) {
  if (mode() != "allow") GTEST_SKIP();
  set_default_device(device_of(fake(0)));
  EXPECT_EQ(error_of<ShapeError>([] {
              scatter_add(array({3}, {1, 2, 3}), 0, array({1}, {3}, dtype::i64), array({1}, {1}));
            }),
            "[scatter_add] index out of range: 3 in an axis of extent 3");
}

TEST(Fallback, MemoryOfAResultIsFilledAnewAfterTheResult) {
  if (mode() != "allow") GTEST_SKIP();
  set_default_device(device_of(fake(0)));
  const auto memory_of = [](const Array& a) { return node_of(a)->block->buffer; };
  const mu_buffer* const memory = memory_of(scattered());
  std::vector<Array> later;
  bool reused = false;
  for (int i = 0; i < 20; ++i) {
    later.push_back(array({6}, Values(6, i)));
    reused = reused || memory_of(later.back()) == memory;
  }
  EXPECT_TRUE(reused);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values(later[static_cast<std::size_t>(i)]), Values(6, i));
}

class Refused : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    set_default_device(device_of(gpu));
    for (const FallbackCount& c : fallback_counts(device_of(gpu))) before_[c.op] = c.runs;
  }
  void TearDown() override { set_default_device("builtin"); }
  // Runs on the host in this test.
  std::uint64_t runs(const char* op) {
    for (const FallbackCount& c : fallback_counts(device_of(gpu)))
      if (std::string(c.op) == op) return c.runs - before_[op];
    return 0;
  }
  core::Device* const gpu = fake(GetParam());

 private:
  std::map<std::string, std::uint64_t> before_;
};
class RefusedPointwise : public Refused {};
class RefusedReduce : public Refused {};
class RefusedMatmul : public Refused {};
INSTANTIATE_TEST_SUITE_P(Fake, RefusedPointwise, testing::Values(0, 1));
INSTANTIATE_TEST_SUITE_P(Fake, RefusedReduce, testing::Values(0, 1));
INSTANTIATE_TEST_SUITE_P(Fake, RefusedMatmul, testing::Values(0, 1));

Array number(double v) { return literal(v, dtype::f32); }

TEST_P(RefusedPointwise, IsNamedByItsLastOp) {
  const Array x = array({3}, {1, 2, 3}), y = mul(add(x, x), number(1.5));
  if (mode() == "error") {
    const std::string text = std::string("[mul] device ") + device_of(gpu).name() +
                             " has no such op; MUSHIN_FALLBACK=allow computes it on the host, with copies";
    for (int i = 0; i < 2; ++i) EXPECT_EQ(error_of<DeviceError>([&] { values(y); }), text);
    EXPECT_TRUE(fallback_counts(device_of(gpu)).empty());
    EXPECT_EQ(support_of("pointwise", gpu), op_support::absent);
    return;
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(values(add(y, number(i))), (Values{3. + i, 6. + i, 9. + i}));
  EXPECT_EQ(runs("add"), 2u) << "one for each pass, whatever is in it";
  EXPECT_EQ(runs("mul"), 0u);
  EXPECT_EQ(support_of("pointwise", gpu), op_support::copied);
  EXPECT_EQ(warnings_of("add", gpu), mode() == "warn" ? 1 : 0);
}

TEST_P(RefusedPointwise, TakesOperandsAsTheyLie) {
  const Array row = array({3}, {1, 2, 3}), column = array({2, 1}, {10, 20}), full_one = full({2, 3}, dtype::f32, 7);
  const Array turned = transpose(array({3, 2}, {1, 4, 2, 5, 3, 6})), one = array({1}, {0.5});
  EXPECT_EQ(values(add(add(add(row, column), mul(turned, one)), full_one)), (Values{18.5, 20, 21.5, 30, 31.5, 33}));
  Array many = row;
  for (int i = 0; i < 10; ++i) many = add(many, slice(array({4}, {9, 1. * i, 2. * i, 3. * i}), 0, 1, 4));
  EXPECT_EQ(values(many), (Values{46, 92, 138}));
  EXPECT_EQ(values(cast(greater(turned, number(2)), dtype::i64)), (Values{0, 0, 1, 1, 1, 1}));
}

TEST_P(RefusedPointwise, WritesInPlace) {
  Array p = array({100}, Values(100, 1)), g = array({100}, Values(100, 2));
  const mu_buffer* before = node_of(p)->block->buffer;
  for (int i = 0; i < 3; ++i) {
    const Array next = sub(p, mul(number(0.25), g));
    Array* const to = &p;
    assign(&to, &next, 1);
  }
  EXPECT_EQ(node_of(p)->block->buffer, before);
  EXPECT_EQ(values(p), Values(100, -0.5));
  EXPECT_EQ(values(g), Values(100, 2));
  EXPECT_EQ(runs("sub"), 3u);
}

TEST_P(RefusedPointwise, WritesSeveralOutputs) {
  const Array x = array({2, 2}, {1, 2, 3, 4}), row = array({2}, {10, 20});
  const Array both[] = {sub(x, row), mul(x, row)};
  evaluate(both, 2);
  EXPECT_EQ(runs("sub"), 1u);
  EXPECT_EQ(runs("mul"), 0u);
  EXPECT_EQ(values(both[0]), (Values{-9, -18, -7, -16}));
  EXPECT_EQ(values(both[1]), (Values{10, 40, 30, 80}));
}

TEST_P(RefusedPointwise, IsNoneAsAnEpilogue) {
  const Array a = array({2, 2}, {1, 2, 3, 4}), b = array({2, 2}, {1, 0, -1, 1}), bias = array({2}, {0.5, -3});
  const Array made = maximum(add(matmul(a, b), bias), number(0));
  EXPECT_EQ(values(made), (Values{0, 0, 0, 1}));
  EXPECT_EQ(runs("maximum"), GetParam() ? 0u : 1u) << "fakegpu:0 refuses epilogues";
}

TEST_P(RefusedReduce, OfPrograms) {
  const Array x = array({2, 3}, {1, 2, 3, 4, 5, 6}), row = array({3}, {1, 0, -1});
  if (mode() == "error") {
    EXPECT_EQ(error_of<DeviceError>([&] { sum(x, 1, false); }),
              std::string("[sum] device ") + device_of(gpu).name() +
                  " has no such op; MUSHIN_FALLBACK=allow computes it on the host, with copies");
    return;
  }
  EXPECT_EQ(values(sum(mul(x, row), 2, false)), (Values{-2, -2}));
  EXPECT_EQ(values(sum(transpose(x), 2, true)), (Values{5, 7, 9}));
  EXPECT_EQ(value(sum(x, 3, false)), 21);
  EXPECT_EQ(values(argmax(mul(x, row), 2, false)), (Values{0, 0}));
  EXPECT_EQ(values(max(array({2, 0}, {}), 2, false)), Values(2, -INFINITY));
  EXPECT_EQ(runs("sum"), 3u);
  EXPECT_EQ(runs("argmax"), 1u);
  EXPECT_EQ(support_of("map_reduce", gpu), op_support::copied);
}

TEST_P(RefusedMatmul, WithAnEpilogueIsTwoPlans) {
  const Array a = transpose(array({2, 2}, {1, 3, 2, 4})), b = array({3, 2, 2}, {1, 0, -1, 1, 2, 0, 0, 2, 0, 1, 1, 0});
  const Array made = maximum(add(matmul(a, b), array({2}, {0.5, -3})), number(0));
  EXPECT_EQ(values(made), (Values{0, 0, 0, 1, 2.5, 1, 6.5, 5, 2.5, 0, 4.5, 0}));
  EXPECT_EQ(runs("matmul"), 1u);
  EXPECT_EQ(runs("maximum"), 0u);
}

}  // namespace
}  // namespace mushin::core::test
