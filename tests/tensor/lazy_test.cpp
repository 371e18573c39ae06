// Pending expressions: fused and op by op give the same bits, and programs stay bounded.
#include <set>

#include "core/evaluate.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

// Of most seeds float, of the others what else has arithmetic.
dtype type_of(unsigned seed) {
  constexpr dtype others[] = {dtype::f64, dtype::f16, dtype::bf16, dtype::i8, dtype::u8, dtype::i32, dtype::i64};
  return seed % 3 ? dtype::f32 : others[seed / 3 % std::size(others)];
}

// One random expression over few leaves of sizes that broadcast, with everything that shares, views, reduces or reads along the way.
// `split`: each value is evaluated as soon as it is made.
class RandomExpression {
 public:
  explicit RandomExpression(unsigned seed, bool split = false) : gen_(seed), type_(type_of(seed)), split_(split) {}

  std::vector<std::vector<std::byte>> run() {
    const Sizes shapes[] = {{3, 5}, {5}, {3, 1}, {}, {1, 5}};
    for (unsigned i = 0; i < 5; ++i) {
      const Sizes& s = shapes[i];
      const double least = type_ == dtype::u8 ? 0 : -2;
      pool_.push_back(array(s, random_values(static_cast<std::size_t>(s.count()), least, 2, type_, i + 1), type_));
      if (pick(3) == 0) pool_.back() = scattered(pool_.back());
    }
    const unsigned steps = 3 + pick(40);
    for (unsigned i = 0; i < steps; ++i) step_once();
    std::vector<std::vector<std::byte>> all;
    if (pick(2)) evaluate(pool_.data() + 5, static_cast<unsigned>(pool_.size() - 5));
    for (const Array& a : pool_) all.push_back(bytes_from(a));
    return all;
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(gen_() % n); }
  const Array& any() { return pool_[pick(2) ? pick(static_cast<unsigned>(pool_.size())) : static_cast<unsigned>(pool_.size()) - 1]; }

  void step_once() {
    const Array a = any(), b = any();
    switch (pick(18)) {
      case 0:
      case 1:
      case 2:
        push(add(a, b));
        break;
      case 3:
      case 4:
        push(mul(a, b));
        break;
      case 5:
        push(sub(a, b));
        break;
      case 6:
        push(maximum(a, b));
        break;
      case 7:
        push(bounded(a));
        break;
      case 8:
        push(where(less(a, b), a, b));
        break;
      case 9:
        push(mul(a, literal(is_float(type_) ? 0.01 * pick(100) : pick(100), type_)));
        break;
      case 10:
        push(sub(literal(1, type_), a));
        break;
      case 11:
        push(neg(a));
        break;
      case 12:
        if (a.rank()) push(cast(sum(a, 1, pick(2)), type_));
        break;
      case 13:
        push(cast(sum_to(add(a, b), a.sizes()), type_));
        break;
      case 14:
        if (a.rank() == 2) push(transpose(transpose(a)));
        break;
      case 15:
        bytes_from(a);
        break;
      case 16:
        pool_.back() = add(a, a);
        break;
      default:
        if (a.rank() == 2 && b.rank() == 2 && a.sizes() == b.sizes()) push(bounded(add(matmul(matmul(a, transpose(b)), a), b)));
        break;
    }
    if (pool_.size() > 5 && pick(4) == 0) pool_.erase(pool_.begin() + 5 + pick(static_cast<unsigned>(pool_.size() - 5)));
  }
  Array bounded(const Array& a) const { return is_float(type_) ? tanh(a) : minimum(abs(a), literal(100, type_)); }
  void push(const Array& a) {
    pool_.push_back(a);
    if (split_) evaluate(a);
  }

  std::mt19937 gen_;
  dtype type_;
  bool split_;
  std::vector<Array> pool_;
};

TEST(Lazy, FusedSplitAndEagerAreBitEqual) {
  const unsigned programs = full({}, dtype::f32, 0).device()->host_memory ? 10000 : 1000;
  for (unsigned seed = 0; seed < programs; ++seed) {
    set_eager(true);
    const auto eager_bytes = RandomExpression(seed).run();
    set_eager(false);
    ASSERT_TRUE(eager_bytes == RandomExpression(seed).run()) << "fused, seed " << seed << ", " << name_of(type_of(seed));
    ASSERT_TRUE(eager_bytes == RandomExpression(seed, true).run()) << "split, seed " << seed << ", " << name_of(type_of(seed));
  }
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
