#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

Ref min(const Ref& a, std::vector<int> axes, bool keep) {
  return reduce(a, std::move(axes), keep, HUGE_VAL, [](double m, double x) { return x < m || std::isnan(x) ? x : m; });
}
Ref argmax(const Ref& a, const std::vector<int>& axes, bool keep) {
  const Ref top = max(a, axes, keep);
  Ref seen = sum(a, axes, keep), out = seen;
  for (double& v : seen.values) v = 0;
  for (double& v : out.values) v = -1;
  std::vector<bool> gone(a.shape.size(), axes.empty());
  for (int axis : axes) gone[static_cast<std::size_t>(axis)] = true;
  for_each_index(a.shape, [&](const Index& p) {
    Index q;
    for (std::size_t i = 0; i < p.size(); ++i)
      if (!gone[i])
        q.push_back(p[i]);
      else if (keep)
        q.push_back(0);
    const double x = a.at(p), m = top.at(q);
    if (out.at(q) < 0 && (x == m || (std::isnan(x) && std::isnan(m)))) out.at(q) = seen.at(q);
    seen.at(q) += 1;
  });
  for (double& v : out.values) v = v < 0 ? 0 : v;
  return out;
}

Ref argmin(const Ref& a, const std::vector<int>& axes, bool keep) { return argmax(map(a, std::negate<>()), axes, keep); }
Ref prod(const Ref& a, std::vector<int> axes, bool keep) {
  return reduce(a, std::move(axes), keep, 1, [](double p, double x) { return p * x; });
}

struct Reduction {
  const char* name;
  Array (*eager)(const Array&, unsigned, bool);
  Traced (*traced)(const Traced&, unsigned, bool);  // null: no gradient; these stand last
  Ref (*oracle)(const Ref&, std::vector<int>, bool);
  bool integers;
  bool adds;  // rounding grows with the number of elements
};
const Reduction reductions[] = {
    {"sum", core::sum, core::sum, sum, true, true},
    {"mean", core::mean, core::mean, mean, false, true},
    {"prod", core::prod, core::prod, prod, false, true},
    {"max", core::max, core::max, max, true, false},
    {"min", core::min, core::min, min, true, false},
    {"argmax", core::argmax, nullptr, [](const Ref& a, std::vector<int> axes, bool keep) { return argmax(a, axes, keep); }, true, false},
    {"argmin", core::argmin, nullptr, [](const Ref& a, std::vector<int> axes, bool keep) { return argmin(a, axes, keep); }, true, false},
};

struct Case {
  Index shape;
  std::vector<int> axes;
};
const Case cases[] = {
    {{7}, {0}},
    {{1}, {0}},
    {{1000}, {0}},
    {{3, 5}, {0}},
    {{3, 5}, {1}},
    {{3, 5}, {0, 1}},
    {{2, 3, 4}, {1}},
    {{2, 3, 4}, {0, 2}},
    {{2, 3, 4, 5}, {1, 3}},
    {{2, 3, 4, 5}, {0, 1}},
    {{2, 1, 3, 1, 2, 1, 2, 2}, {0, 2, 5, 7}},
    {{33, 257}, {0}},
    {{33, 257}, {1}},
    {{300, 3}, {0}},
    {{3, 4096}, {1}},
    {{1, 1}, {0, 1}},
    {{4, 0}, {0}},
};
unsigned mask(const std::vector<int>& axes) {
  unsigned m = 0;
  for (int axis : axes) m |= 1u << axis;
  return m;
}

class ReductionTest : public testing::TestWithParam<Reduction> {};

TEST_P(ReductionTest, EqualsTheOracle) {
  const Reduction& op = GetParam();
  on_every_device([&] {
    for (dtype type : number_types)
      for (const Case& c : cases)
        for (bool keep : {false, true}) {
          if (is_integer(type) && !op.integers) continue;
          const Ref x = rounded(is_integer(type) ? random_integers(c.shape, 50, 100) : random(c.shape, 50), type);
          const double n = static_cast<double>(count(c.shape) + 1);
          EXPECT_TRUE(close(op.eager(array(x, type), mask(c.axes), keep), op.oracle(x, c.axes, keep), op.adds ? tolerance(type, 4) : 0,
                            op.adds && is_float(type) ? tolerance(type, std::sqrt(n)) : 0))
              << name_of(type) << " " << text_of(c.shape) << " axes " << mask(c.axes) << (keep ? " keep" : "");
        }
  });
}

TEST_P(ReductionTest, OfAViewThatIsntContiguous) {
  const Reduction& op = GetParam();
  const Ref x = random({6, 70, 9}, 51);
  const unsigned order[] = {2, 0, 1};
  on_every_device([&] {
    for (const auto& axes : {std::vector<int>{0}, {1}, {2}, {0, 2}}) {
      const Array view = core::permute(array(x, dtype::f32), order);
      EXPECT_TRUE(close(op.eager(view, mask(axes), false), op.oracle(permute(x, {2, 0, 1}), axes, false), tolerance(dtype::f32, 8),
                        op.adds ? tolerance(dtype::f32, 32) : 0))
          << mask(axes);
      const Array part = core::slice(array(x, dtype::f32), 1, 5, 60);
      EXPECT_TRUE(close(op.eager(part, mask(axes), false), op.oracle(slice(x, 1, 5, 60), axes, false), tolerance(dtype::f32, 8),
                        op.adds ? tolerance(dtype::f32, 32) : 0))
          << mask(axes);
    }
  });
}

TEST_P(ReductionTest, OfAPendingExpression) {
  const Reduction& op = GetParam();
  const Ref x = random({40, 60}, 52), y = random({60}, 53);
  const Ref squares = map(x, y, [](double a, double b) { return (a - b) * (a - b); });
  on_every_device([&] {
    const Array d = core::sub(array(x, dtype::f64), array(y, dtype::f64));
    EXPECT_TRUE(close(op.eager(core::mul(d, d), 2, false), op.oracle(squares, {1}, false), 1e-13, 1e-13));
    EXPECT_TRUE(close(op.eager(core::mul(d, d), 1, true), op.oracle(squares, {0}, true), 1e-13, 1e-13));
  });
}

class ReductionGradientTest : public ReductionTest {};

TEST_P(ReductionGradientTest, OfBothOrders) {
  const Reduction& op = GetParam();
  for (const Case& c : {Case{{3, 4}, {1}}, Case{{3, 4}, {0}}, Case{{2, 3, 2}, {0, 2}}, Case{{5}, {0}}})
    for (bool keep : {false, true}) {
      SCOPED_TRACE(text_of(c.shape) + (keep ? " keep" : ""));
      check_gradients([&](const auto& in) { return op.traced(core::mul(in[0], in[0]), mask(c.axes), keep); },
                      {random(c.shape, 54, 0.5, 2)});
    }
}

std::string name_of_case(const testing::TestParamInfo<Reduction>& test) { return test.param.name; }
INSTANTIATE_TEST_SUITE_P(Reduce, ReductionTest, testing::ValuesIn(reductions), name_of_case);
INSTANTIATE_TEST_SUITE_P(Reduce, ReductionGradientTest, testing::ValuesIn(std::begin(reductions), std::end(reductions) - 2), name_of_case);

TEST(Reduce, SpecialValues) {
  const Ref x{{5, 3}, {1, nan, 2, inf, 1, 2, -inf, inf, 1, -0.0, 0.0, -0.0, inf, -inf, 5}};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Array a = array(x, type);
      EXPECT_TRUE(equal(core::max(a, 2, false), max(x, {1}))) << "NaN wins";
      EXPECT_TRUE(equal(core::min(a, 2, false), min(x, {1}, false))) << "NaN wins";
      EXPECT_TRUE(equal(core::argmax(a, 2, false), Ref{{5}, {1, 0, 1, 0, 0}})) << "NaN wins, then the first of equals";
      EXPECT_TRUE(equal(core::argmin(a, 2, false), Ref{{5}, {1, 1, 0, 0, 1}})) << "NaN wins, then the first of equals";
      EXPECT_TRUE(equal(core::sum(a, 2, false), Ref{{5}, {nan, inf, nan, 0, nan}}));
      EXPECT_TRUE(equal(core::prod(a, 2, false), Ref{{5}, {nan, inf, -inf, 0, -inf}}));
    }
  });
}

TEST(Reduce, OverNothing) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Array none = array(full({2, 0}, 0), type);
      EXPECT_TRUE(equal(core::sum(none, 2, false), full({2}, 0)));
      EXPECT_TRUE(equal(core::max(none, 2, false), full({2}, -inf)));
      EXPECT_TRUE(equal(core::min(none, 2, false), full({2}, inf)));
      EXPECT_TRUE(equal(core::argmax(none, 2, false), full({2}, 0)));
      EXPECT_TRUE(equal(core::argmin(none, 2, false), full({2}, 0)));
      EXPECT_TRUE(equal(core::prod(none, 2, false), full({2}, 1)));
      EXPECT_TRUE(equal(core::mean(none, 2, false), full({2}, nan)));
      EXPECT_TRUE(equal(core::sum(none, 1, false), full({0}, 0)));
    }
    EXPECT_TRUE(equal(core::sum(array(full({0}, 0), dtype::i64), 1, false), full({}, 0)));
  });
}

TEST(Reduce, ProductsOfIntegersAndLiterals) {
  on_every_device([&] {
    const Ref x{{2, 3}, {2, -3, 4, 1, 0, 5}};
    EXPECT_TRUE(equal(core::prod(array(x, dtype::i64), 2, false), Ref{{2}, {-24, 0}}));
    EXPECT_TRUE(equal(core::prod(array(x, dtype::i64), 3, true), Ref{{1, 1}, {0}}));
    EXPECT_TRUE(equal(core::prod(core::full({2, 5}, dtype::f32, 2), 2, false), full({2}, 32)));
    EXPECT_TRUE(equal(core::prod(core::full({2, 5}, dtype::i64, 3), 2, false), full({2}, 243)));
  });
}

TEST(Reduce, ProductsHaveGradientsAtZeros) {
  const auto product = [](const auto& in) { return core::prod(in[0], 2, false); };
  check_gradients(product, {Ref{{4, 3}, {0, 2, 3, 0, 0, 3, 0, 0, 0, -1, 2, 0.5}}});
  check_gradients([](const auto& in) { return core::prod(in[0], 5, true); }, {Ref{{2, 2, 2}, {0, 2, 3, 0, 1, 0, -2, 4}}});
  check_gradients(product, {random({2, 5}, 55, -2, 2)});
  on_every_device([&] {
    const core::Leaf none(array(full({2, 0}, 0), dtype::f64));
    core::backward(core::prod(none.traced(), 2, false), false);
    EXPECT_TRUE(equal(none.grad(), full({2, 0}, 0)));
  });
}

TEST(Reduce, AnyAndAll) {
  const Ref x{{4, 3}, {0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1}};
  on_every_device([&] {
    const Array a = array(x, dtype::b8), none = array(full({2, 0}, 0), dtype::b8);
    for (bool keep : {false, true}) {
      EXPECT_TRUE(equal(core::any(a, 2, keep), max(x, {1}, keep)));
      EXPECT_TRUE(equal(core::all(a, 2, keep), min(x, {1}, keep)));
      EXPECT_TRUE(equal(core::any(a, 1, keep), max(x, {0}, keep)));
      EXPECT_TRUE(equal(core::all(a, 3, keep), min(x, {0, 1}, keep)));
    }
    EXPECT_EQ(core::any(a, 2, false).type(), dtype::b8);
    EXPECT_TRUE(equal(core::any(none, 2, false), full({2}, 0)));
    EXPECT_TRUE(equal(core::all(none, 2, false), full({2}, 1)));
    EXPECT_TRUE(equal(core::all(core::full({3}, dtype::b8, 1), 1, false), full({}, 1)));
    EXPECT_TRUE(throws<Error>([] { core::any(core::full({3}, dtype::f32, 1), 1, false); }, "[any] needs bool: float"));
    EXPECT_TRUE(throws<Error>([] { core::all(core::full({3}, dtype::f32, 1), 1, false); }, "[all] needs bool: float"));
  });
}

TEST(Reduce, ManySmallValuesLoseLittle) {
  constexpr std::int64_t n = 4'000'000;
  on_every_device([&] {
    const Array x = core::broadcast_to(array(full({1}, 0.1), dtype::f32), {n});
    const double exact = static_cast<double>(0.1f) * n;
    EXPECT_TRUE(close(core::sum(core::add(x, core::literal(0, dtype::f32)), 1, false), Ref{{}, {exact}}, 1e-6, 0));
  });
}

TEST(Reduce, TiesShareTheGradient) {
  const Ref x{{2, 3}, {1, 1, 0, 2, 2, 2}};
  on_every_device([&] {
    core::Leaf leaf(array(x, dtype::f64));
    core::backward(core::max(leaf.traced(), 2, false), false);
    EXPECT_TRUE(close(leaf.grad(), Ref{{2, 3}, {0.5, 0.5, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3}}));
  });
}

}  // namespace
}  // namespace mushin::test
