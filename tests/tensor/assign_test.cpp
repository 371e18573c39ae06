// Memory is reused exactly where nobody can see it.
#include <algorithm>

#include "core/evaluate.hpp"
#include "core/node.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

const std::byte* memory(const Array& a) { return reinterpret_cast<const std::byte*>(node_of(a)->block->buffer) + node_of(a)->offset; }
void assign_one(Array& to, Array from) {
  Array* const target = &to;
  assign(&target, &from, 1);
}
Array number(double v) { return literal(v, dtype::f32); }

TEST(Assign, ReusesTheOldMemory) {
  Array p = array({1000}, Values(1000, 1)), g = array({1000}, Values(1000, 2));
  const std::byte* before = memory(p);
  for (int i = 0; i < 5; ++i) assign_one(p, sub(p, mul(number(0.25), g)));
  EXPECT_EQ(memory(p), before);
  EXPECT_EQ(values(p), Values(1000, -1.5));
}

TEST(Assign, SeveralTogetherAsAnOptimiserDoes) {
  Array p = array({8}, Values(8, 1)), m = array({8}, Values(8, 0)), v = array({8}, Values(8, 0)), g = array({8}, Values(8, 3));
  const std::byte* at[] = {memory(p), memory(m), memory(v)};
  double wp = 1, wm = 0, wv = 0;
  for (int i = 0; i < 4; ++i) {
    const Array m2 = add(mul(number(0.9), m), mul(number(0.1), g)), v2 = add(mul(number(0.99), v), mul(number(0.01), mul(g, g)));
    Array from[] = {sub(p, div(mul(number(0.1), m2), add(sqrt(v2), number(1e-8)))), m2, v2};
    Array* const to[] = {&p, &m, &v};
    assign(to, from, 3);
    wm = 0.9 * wm + 0.3, wv = 0.99 * wv + 0.09, wp -= 0.1 * wm / (std::sqrt(wv) + 1e-8);
  }
  EXPECT_NEAR(value(p), wp, 1e-5);
  EXPECT_NEAR(value(m), wm, 1e-5);
  EXPECT_NEAR(value(v), wv, 1e-5);
  EXPECT_EQ(memory(p), at[0]);
  EXPECT_EQ(memory(m), at[1]);
  EXPECT_EQ(memory(v), at[2]);
}

TEST(Assign, AnotherHandleKeepsTheOldValue) {
  Array p = array({3}, {1, 2, 3});
  const Array kept = p;
  assign_one(p, add(p, p));
  EXPECT_EQ(values(kept), (Values{1, 2, 3}));
  EXPECT_EQ(values(p), (Values{2, 4, 6}));
}

TEST(Assign, AViewKeepsTheOldValue) {
  Array p = array({2, 2}, {1, 2, 3, 4});
  const Array view = transpose(p);
  assign_one(p, add(p, p));
  EXPECT_EQ(values(view), (Values{1, 3, 2, 4}));
}

TEST(Assign, AnotherPendingExpressionKeepsTheOldValue) {
  Array p = array({3}, {1, 2, 3});
  const Array later = mul(p, p);
  assign_one(p, add(p, p));
  EXPECT_EQ(values(later), (Values{1, 4, 9}));
}

TEST(Assign, AnInteriorValueThatStaysPendingKeepsTheOldValue) {
  Array p = array({3}, {1, 2, 3});
  const Array inner = neg(p);  // cheap: stays pending although the expression contains it
  assign_one(p, add(inner, p));
  EXPECT_EQ(values(inner), (Values{-1, -2, -3}));
  EXPECT_EQ(values(p), (Values{0, 0, 0}));
}

TEST(Assign, ALaterInstructionStillReadsTheOldValue) {
  // b's new value is computed after a's and reads the old a, and the other way round.
  Array a = array({3}, {1, 2, 3}), b = array({3}, {10, 20, 30});
  const std::byte *first = memory(a), *second = memory(b);
  Array* const to[] = {&a, &b};
  Array from[] = {add(a, b), sub(a, b)};
  assign(to, from, 2);
  EXPECT_NE(memory(a), first);
  EXPECT_EQ(memory(b), second);
  EXPECT_EQ(values(a), (Values{11, 22, 33}));
  EXPECT_EQ(values(b), (Values{-9, -18, -27}));
}

TEST(Assign, ASwap) {
  Array a = array({3}, {1, 2, 3}), b = array({3}, {4, 5, 6});
  Array* const to[] = {&a, &b};
  Array from[] = {b, a};
  assign(to, from, 2);
  EXPECT_EQ(values(a), (Values{4, 5, 6}));
  EXPECT_EQ(values(b), (Values{1, 2, 3}));
}

TEST(Assign, OtherSizesTypesAndLiterals) {
  Array a = array({3}, {1, 2, 3});
  assign_one(a, add(array({2, 3}, Values(6, 1)), a));
  EXPECT_EQ(values(a), (Values{2, 3, 4, 2, 3, 4}));
  assign_one(a, cast(a, dtype::f64));
  EXPECT_EQ(a.type(), dtype::f64);
  assign_one(a, literal(4, dtype::f32));
  EXPECT_EQ(value(a), 4);
  Array none;
  assign_one(none, add(a, a));
  EXPECT_EQ(value(none), 8);
}

TEST(Assign, ABroadcastOfItself) {
  Array row = array({1, 3}, {1, 2, 3});
  assign_one(row, add(broadcast_to(row, {2, 3}), row));
  EXPECT_EQ(values(row), (Values{2, 4, 6, 2, 4, 6}));
  Array t = array({2, 2}, {1, 2, 3, 4});
  assign_one(t, add(t, transpose(t)));
  EXPECT_EQ(values(t), (Values{2, 5, 5, 8}));
}

TEST(Memory, TemporariesAreReusedInPlace) {
  Array a = array({1 << 12}, Values(1 << 12, 1));
  evaluate(a);
  Array b = add(a, a);
  evaluate(b);
  const std::byte* at = memory(b);
  b = mul(std::move(b), a);  // the product is now b's only owner
  evaluate(b);
  EXPECT_EQ(memory(b), at);
  EXPECT_EQ(value(b), 2);
  const Array kept = b;
  b = mul(std::move(b), a);
  evaluate(b);
  EXPECT_NE(memory(b), memory(kept));
}

TEST(Memory, RandomAssignmentsAgainstValues) {
  std::mt19937 gen(3);
  std::vector<Array> arrays;
  std::vector<Values> mirror;
  for (int i = 0; i < 6; ++i)
    mirror.push_back(random_values(16, -1, 1, dtype::f32, static_cast<unsigned>(i))), arrays.push_back(array({16}, mirror.back()));
  std::vector<std::pair<Array, Values>> kept;
  auto combine = [&](int op, const Values& x, const Values& y) {
    Values r(16);
    for (std::size_t i = 0; i < 16; ++i) {
      const float u = static_cast<float>(x[i]), v = static_cast<float>(y[i]);
      r[i] = static_cast<double>(op == 0 ? 0.5f * (u + v) : op == 1 ? u * v : u - v * 0.5f);
    }
    return r;
  };
  for (int round = 0; round < 3000; ++round) {
    Array from[3], *to[3];
    Values next[3];
    unsigned index[6] = {0, 1, 2, 3, 4, 5};
    std::shuffle(index, index + 6, gen);
    const auto n = static_cast<unsigned>(1 + gen() % 3);
    for (unsigned k = 0; k < n; ++k) {
      const auto x = static_cast<std::size_t>(gen() % 6), y = static_cast<std::size_t>(gen() % 6);
      const int op = static_cast<int>(gen() % 3);
      from[k] = op == 0   ? mul(literal(0.5, dtype::f32), add(arrays[x], arrays[y]))
                : op == 1 ? mul(arrays[x], arrays[y])
                          : sub(arrays[x], mul(arrays[y], literal(0.5, dtype::f32)));
      next[k] = combine(op, mirror[x], mirror[y]);
      to[k] = &arrays[index[k]];
      if (gen() % 8 == 0) kept.emplace_back(gen() % 2 ? arrays[x] : neg(neg(arrays[x])), mirror[x]);
    }
    assign(to, from, n);
    for (unsigned k = 0; k < n; ++k) mirror[index[k]] = next[k];
    if (gen() % 4 == 0) evaluate(arrays[gen() % 6]);
    while (kept.size() > 5) {
      ASSERT_EQ(values(kept.front().first), kept.front().second) << round;
      kept.erase(kept.begin());
    }
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(values(arrays[static_cast<std::size_t>(i)]), mirror[static_cast<std::size_t>(i)]);
}

}  // namespace
}  // namespace mushin::core::test
