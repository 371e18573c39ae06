#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

Ref variance(const Ref& a, const std::vector<int>& axes, bool keep, double correction) {
  const Ref distance = map(a, mean(a, axes, true), std::minus<>()), total = sum(map(distance, [](double d) { return d * d; }), axes, keep);
  const double n = static_cast<double>(count(a.shape)) / static_cast<double>(count(total.shape));
  return map(total, [=](double s) { return s / std::max(n - correction, 0.0); });
}
Ref logsumexp(const Ref& a, const std::vector<int>& axes, bool keep) {
  return map(sum(map(a, [](double x) { return std::exp(x); }), axes, keep), [](double s) { return std::log(s); });
}
double root(double x) { return std::sqrt(x); }

struct Statistic {
  const char* name;
  Array (*eager)(const Array&, unsigned, bool);
  Traced (*traced)(const Traced&, unsigned, bool);
  Ref (*oracle)(const Ref&, const std::vector<int>&, bool);
};
const Statistic statistics[] = {
    {"var", [](const Array& a, unsigned m, bool k) { return core::var(a, m, k, 0); },
     [](const Traced& a, unsigned m, bool k) { return core::var(a, m, k, 0); },
     [](const Ref& a, const std::vector<int>& m, bool k) { return variance(a, m, k, 0); }},
    {"var_of_a_sample", [](const Array& a, unsigned m, bool k) { return core::var(a, m, k, 1); },
     [](const Traced& a, unsigned m, bool k) { return core::var(a, m, k, 1); },
     [](const Ref& a, const std::vector<int>& m, bool k) { return variance(a, m, k, 1); }},
    {"std", [](const Array& a, unsigned m, bool k) { return core::std(a, m, k, 0); },
     [](const Traced& a, unsigned m, bool k) { return core::std(a, m, k, 0); },
     [](const Ref& a, const std::vector<int>& m, bool k) { return map(variance(a, m, k, 0), root); }},
    {"std_of_a_sample", [](const Array& a, unsigned m, bool k) { return core::std(a, m, k, 1); },
     [](const Traced& a, unsigned m, bool k) { return core::std(a, m, k, 1); },
     [](const Ref& a, const std::vector<int>& m, bool k) { return map(variance(a, m, k, 1), root); }},
    {"logsumexp", core::logsumexp, core::logsumexp, logsumexp},
    {"norm", core::norm, core::norm,
     [](const Ref& a, const std::vector<int>& m, bool k) { return map(sum(map(a, [](double x) { return x * x; }), m, k), root); }},
};

struct Case {
  Index shape;
  std::vector<int> axes;
};
const Case cases[] = {{{7}, {0}},       {{1000}, {0}},    {{3, 5}, {0}},
                      {{3, 5}, {1}},    {{3, 5}, {0, 1}}, {{2, 3, 4, 5}, {1, 3}},
                      {{33, 257}, {0}}, {{3, 4096}, {1}}, {{2, 1, 3, 1, 2, 1, 2, 2}, {0, 2, 5, 7}},
                      {{4, 0}, {0}},    {{300, 3}, {0}}};
unsigned mask(const std::vector<int>& axes) {
  unsigned m = 0;
  for (int axis : axes) m |= 1u << axis;
  return m;
}

class StatisticTest : public testing::TestWithParam<Statistic> {};

TEST_P(StatisticTest, EqualsTheOracle) {
  const Statistic& op = GetParam();
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const Case& c : cases)
        for (bool keep : {false, true}) {
          const Ref x = random(c.shape, 150, -3, 3);
          EXPECT_TRUE(
              close(op.eager(array(x, type), mask(c.axes), keep), op.oracle(x, c.axes, keep), tolerance(type, 16), tolerance(type, 8)))
              << name_of(type) << " " << text_of(c.shape) << " axes " << mask(c.axes) << (keep ? " keep" : "");
        }
  });
}

TEST_P(StatisticTest, OfAViewAndOfAPendingExpression) {
  const Statistic& op = GetParam();
  const Ref x = random({40, 6}, 151);
  on_every_device([&] {
    const Array a = array(x, dtype::f64);
    EXPECT_TRUE(close(op.eager(core::transpose(a), 2, false), op.oracle(permute(x, {1, 0}), {1}, false), 1e-13, 1e-13));
    EXPECT_TRUE(close(op.eager(core::mul(a, a), 1, true), op.oracle(map(x, [](double v) { return v * v; }), {0}, true), 1e-13, 1e-13));
  });
}

TEST_P(StatisticTest, Gradients) {
  const Statistic& op = GetParam();
  for (const Case& c : {Case{{3, 4}, {1}}, Case{{3, 4}, {0}}, Case{{2, 3, 2}, {0, 2}}, Case{{5}, {0}}})
    for (bool keep : {false, true}) {
      SCOPED_TRACE(text_of(c.shape) + (keep ? " keep" : ""));
      check_gradients([&](const auto& in) { return op.traced(core::mul(in[0], in[0]), mask(c.axes), keep); },
                      {random(c.shape, 152, 0.5, 2)});
    }
}

TEST_P(StatisticTest, HalvesAreComputedInFloat) {
  on_every_device([&] {
    for (dtype type : {dtype::f16, dtype::bf16}) {
      const Array x = array(random({5, 300}, 153, -3, 3), type);
      const Ref want = ref(core::cast(GetParam().eager(core::cast(x, dtype::f32), 2, false), type));
      EXPECT_TRUE(equal(GetParam().eager(x, 2, false), want)) << name_of(type);
      EXPECT_TRUE(equal(GetParam().traced(Traced(x), 2, false).value(), want)) << name_of(type);
    }
  });
}

TEST_P(StatisticTest, NanWins) {
  on_every_device([&] { EXPECT_TRUE(equal(GetParam().eager(array(Ref{{3}, {1, nan, 2}}, dtype::f32), 1, false), Ref{{}, {nan}})); });
}

INSTANTIATE_TEST_SUITE_P(Statistics, StatisticTest, testing::ValuesIn(statistics),
                         [](const auto& test) { return std::string(test.param.name); });

Ref gradient_of(Traced (*op)(const Traced&, unsigned, bool), const Ref& x, unsigned axes) {
  const core::Leaf leaf(array(x, dtype::f64));
  core::backward(op(leaf.traced(), axes, false), false);
  return ref(leaf.grad());
}

TEST(Var, SurvivesAMeanFarFromZero) {
  const Ref x{{4}, {1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4}};
  // Floats are whole numbers there, and the sum of 301 of them is rounded to multiples of 256, so their mean is off by more than they
  // differ.
  const Ref far = map(random_integers({301, 5}, 154, 7), [](double v) { return v + 1e7; });
  const Ref same = full({3, 2}, static_cast<double>(0.1f));
  on_every_device([&] {
    EXPECT_TRUE(equal(core::var(array(x, dtype::f32), 1, false, 0), Ref{{}, {1.25}}));
    for (const std::vector<int>& axes : {std::vector<int>{0}, std::vector<int>{1}, std::vector<int>{0, 1}})
      EXPECT_TRUE(close(core::var(array(far, dtype::f32), mask(axes), false, 1), variance(far, axes, false, 1), 1e-4, 0)) << mask(axes);
    EXPECT_TRUE(close(core::std(array(same, dtype::f32), 1, false, 0), full({2}, 0), 0, 1e-12))
        << "never below 0, the root of which is NaN";
    EXPECT_TRUE(equal(core::var(array(Ref{{4}, {1e30, -1e30, 3e30, 2e30}}, dtype::f32), 1, false, 0), Ref{{}, {inf}}));
  });
}

TEST(Var, OverTooFewIsNanOrInfinite) {
  on_every_device([&] {
    const Array one = array(Ref{{1}, {5}}, dtype::f32), two = array(Ref{{2}, {1, 3}}, dtype::f32),
                none = array(full({2, 0}, 0), dtype::f32);
    EXPECT_TRUE(equal(core::var(one, 1, false, 1), Ref{{}, {nan}}));
    EXPECT_TRUE(equal(core::var(two, 1, false, 3), Ref{{}, {inf}}));
    EXPECT_TRUE(equal(core::var(none, 2, false, 0), full({2}, nan)));
    EXPECT_TRUE(equal(core::var(core::full({7}, dtype::f32, 3), 1, false, 0), full({}, 0))) << "a literal";
  });
}

TEST(Std, OfEqualsHasNoSlope) {
  on_every_device([&] {
    EXPECT_TRUE(close(gradient_of([](const Traced& a, unsigned m, bool k) { return core::std(a, m, k, 0); }, Ref{{2, 2}, {3, 3, 0, 2}}, 2),
                      Ref{{2, 2}, {0, 0, -0.5, 0.5}}));
  });
}

TEST(LogSumExp, OverflowsOnlyWithTheResult) {
  const Ref x{{6, 2}, {1000, 1000, -1000, -1000, -inf, -inf, -inf, 3, inf, 1, inf, -inf}};
  const Ref want{{6}, {1000 + std::log(2.0), -1000 + std::log(2.0), -inf, 3, inf, inf}};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      EXPECT_TRUE(close(core::logsumexp(array(x, type), 2, false), want, tolerance(type, 4), 0)) << name_of(type);
      EXPECT_TRUE(equal(core::logsumexp(array(full({2, 0}, 0), type), 2, false), full({2}, -inf)));
      EXPECT_TRUE(close(core::logsumexp(core::full({8}, type, 1), 1, false), Ref{{}, {1 + std::log(8.0)}}, tolerance(type, 4), 0));
    }
    EXPECT_TRUE(close(gradient_of(core::logsumexp, Ref{{3, 2}, {1000, 1000, -inf, -inf, -inf, 3}}, 2), Ref{{3, 2}, {0.5, 0.5, 0, 0, 0, 1}}))
        << "where all is -inf nothing has a part";
  });
}

TEST(Norm, OverflowsOnlyWithTheResult) {
  const Ref x{{6, 2}, {3e30, 4e30, 3e-30, 4e-30, 0, 0, inf, 1, -inf, 1, 0, -2}};
  on_every_device([&] {
    EXPECT_TRUE(close(core::norm(array(x, dtype::f32), 2, false), Ref{{6}, {5e30, 5e-30, 0, inf, inf, 2}}, 1e-6, 0));
    EXPECT_TRUE(close(core::norm(array(map(x, [](double v) { return v * 1e200; }), dtype::f64), 2, false),
                      Ref{{6}, {5e230, 5e170, 0, inf, inf, 2e200}}, 1e-14, 0));
    EXPECT_TRUE(equal(core::norm(array(full({2, 0}, 0), dtype::f32), 2, false), full({2}, 0)));
    EXPECT_TRUE(close(gradient_of(core::norm, Ref{{2, 2}, {0, 0, 3, 4}}, 2), Ref{{2, 2}, {0, 0, 0.6, 0.8}})) << "0 where the norm is";
  });
}

TEST(Statistics, TypedFacades) {
  const auto x = from<2, 3>(std::vector<double>{1, 2, 3, 4, 5, 9});
  const auto w = variable(x);
  EXPECT_TRUE(close(var<1>(x), Ref{{2}, {2.0 / 3, 14.0 / 3}}) && close(var<-1>(x, 1, keep), Ref{{2, 1}, {1, 7}}));
  EXPECT_TRUE(close(std<1>(w), map(ref(var<1>(x)), root)) && close(std(x, 1), map(ref(var(w, 1)), root)));
  EXPECT_TRUE(close(norm(x), Ref{{}, {std::sqrt(136.0)}}) && close(logsumexp<0>(w - w), full({3}, std::log(2.0))));
  EXPECT_TRUE(equal(prod<1>(w), Ref{{2}, {6, 180}}) && equal(argmin<1>(w.value()), full({2}, 0)));
  EXPECT_TRUE(equal(any<1>(x > 8), Ref{{2}, {0, 1}}) && equal(all<1>(w > 3, keep), Ref{{2, 1}, {0, 1}}));
}

// Every reduction takes axes from the end, and keeps them where it is told to.
TEST(Statistics, AxesFromTheEndAndKept) {
  const auto x = from<2, 1, 3>(std::vector<double>{3, 1, 2, 4, 6, 5});
  const auto flags = x > 2;
  const auto check = [](const auto& negative, const auto& positive, const auto& kept, const auto& reshaped) {
    EXPECT_TRUE(equal(negative, ref(positive)));
    EXPECT_TRUE(equal(kept, ref(reshaped)));
    static_assert(std::remove_cvref_t<decltype(kept)>::extents == std::remove_cvref_t<decltype(reshaped)>::extents);
  };
#define MUSHIN_CHECK(op, a) check(op<-1, -3>(a), op<0, 2>(a), op<-1>(a, keep), reshape<2, 1, 1>(op<2>(a)))
  MUSHIN_CHECK(sum, x);
  MUSHIN_CHECK(prod, x);
  MUSHIN_CHECK(mean, x);
  MUSHIN_CHECK(max, x);
  MUSHIN_CHECK(min, x);
  MUSHIN_CHECK(argmax, x);
  MUSHIN_CHECK(argmin, x);
  MUSHIN_CHECK(any, flags);
  MUSHIN_CHECK(all, flags);
  MUSHIN_CHECK(var, x);
  MUSHIN_CHECK(std, x);
  MUSHIN_CHECK(logsumexp, x);
  MUSHIN_CHECK(norm, x);
#undef MUSHIN_CHECK
  EXPECT_TRUE(equal(argmax<-1>(x), Ref{{2, 1}, {0, 1}}) && equal(sum<-3>(x), Ref{{1, 3}, {7, 7, 7}}));
}

}  // namespace
}  // namespace mushin::test
