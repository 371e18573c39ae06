#include "support.hpp"

#include <cstdlib>

#include "core/node.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core::test {
namespace {

// f(old, value, position within the reduced axes) over every element.
Values reduced(const Values& x, const Sizes& s, unsigned axes, double start, const std::function<double(double, double)>& f) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < s.rank; ++i)
    if (!(axes >> i & 1)) n *= s[i];
  Values r(static_cast<std::size_t>(n), start);
  for (std::size_t e = 0; e < x.size(); ++e) {
    std::int64_t rest = static_cast<std::int64_t>(e), out = 0, step = 1;
    for (unsigned i = s.rank; i-- > 0;) {
      const std::int64_t at = rest % s[i];
      rest /= s[i];
      if (axes >> i & 1) continue;
      out += at * step;
      step *= s[i];
    }
    r[static_cast<std::size_t>(out)] = f(r[static_cast<std::size_t>(out)], x[e]);
  }
  return r;
}

const Sizes shapes[] = {{}, {1}, {9}, {3, 5}, {1, 7}, {7, 1}, {2, 3, 4}, {4, 1, 5}, {2, 3, 2, 3}, {130, 70}, {2, 1, 2, 1, 2, 1, 2, 3}};

TEST(Reduce, SumMaxMinMeanOverEveryChoiceOfAxes) {
  for (const Sizes& s : shapes) {
    const Values x = random_values(static_cast<std::size_t>(s.count()), -2, 2);
    const Array a = array(s, x);
    for (const Array& view : {a, scattered(a)})
      for (unsigned axes = 0; axes < 1u << s.rank; ++axes) {
        const Values sums = reduced(x, s, axes, 0, [](double p, double v) { return p + v; });
        const double n = static_cast<double>(x.size()) / static_cast<double>(sums.size());
        Values means = sums;
        for (double& m : means) m /= n;
        const std::string what = std::to_string(s.rank) + " axes, mask " + std::to_string(axes);
        const Values got = values(sum(view, axes, false));
        ASSERT_EQ(got.size(), sums.size()) << what;
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], sums[i], 1e-6 * (n + 10)) << what;
        const Values got_means = values(mean(view, axes, false));
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got_means[i], means[i], 1e-5) << what;
        EXPECT_EQ(values(max(view, axes, false)), reduced(x, s, axes, -INFINITY, [](double p, double v) { return std::max(p, v); }))
            << what;
        EXPECT_EQ(values(min(view, axes, true)), reduced(x, s, axes, INFINITY, [](double p, double v) { return std::min(p, v); })) << what;
      }
  }
}

TEST(Reduce, KeepsAxesOfOne) {
  const Array a = array({2, 3, 4}, random_values(24, -1, 1));
  EXPECT_TRUE(sum(a, 0b101, true).sizes() == (Sizes{1, 3, 1}));
  EXPECT_TRUE(sum(a, 0b101, false).sizes() == (Sizes{3}));
  EXPECT_TRUE(argmax(a, 0b111, false).sizes() == Sizes{});
}

TEST(Reduce, ArgmaxIsTheFirstGreatest) {
  const Array a = array({2, 4}, {1, 5, 5, 2, 7, 0, 7, 7});
  EXPECT_EQ(values(argmax(a, 0b10, false)), (Values{1, 0}));
  EXPECT_EQ(values(argmax(a, 0b01, false)), (Values{1, 0, 1, 1}));
  EXPECT_EQ(values(argmax(a, 0b11, false)), (Values{4}));
  EXPECT_EQ(values(argmax(transpose(a), 0b01, false)), (Values{1, 0}));
  EXPECT_EQ(values(argmax(transpose(a), 0b11, false)), (Values{1}));
  EXPECT_EQ(argmax(a, 1, false).type(), dtype::i64);
}

TEST(Reduce, PendingOperandsAreOnePass) {
  const Values u = random_values(60, -1, 1, dtype::f32, 1), v = random_values(20, -1, 1, dtype::f32, 2);
  const Array x = array({3, 20}, u), y = array({20}, v);
  const Array d = sub(x, y);
  Values want(3, 0);
  for (std::size_t i = 0; i < 60; ++i) want[i / 20] += (u[i] - v[i % 20]) * (u[i] - v[i % 20]);
  expect_near(values(sum(mul(d, d), 2, false)), want, 1e-5);
  expect_near(values(sum(mul(d, literal(3, dtype::f32)), 3, false)),
              {3 *
               [&] {
                 double s = 0;
                 for (double q : values(d)) s += q;
                 return s;
               }()},
              1e-4);
}

TEST(Reduce, SharedDearOperandsAreStoredOnce) {
  const Array x = array({50}, random_values(50, 0, 1));
  Array dear = x;
  for (int i = 0; i < 12; ++i) dear = tanh(dear);
  const Array total = sum(mul(dear, dear), 1, false);
  evaluate(total);
  EXPECT_TRUE(is_buffer(node_of(dear)));
  const Array cheap = neg(x);
  evaluate(sum(mul(cheap, cheap), 1, false));
  EXPECT_EQ(is_buffer(node_of(cheap)), std::getenv("MUSHIN_EAGER") != nullptr) << "it is computed again";
  double want = 0;
  for (double v : values(dear)) want += v * v;
  EXPECT_NEAR(value(total), want, 1e-4);
}

TEST(Reduce, OtherElementTypes) {
  EXPECT_EQ(values(sum(array({4}, {1, 2, 3, 4}, dtype::i64), 1, false)), (Values{10}));
  EXPECT_EQ(values(max(array({2, 2}, {1, -2, -3, -4}, dtype::i64), 2, false)), (Values{1, -3}));
  EXPECT_EQ(values(sum(array({4}, {1, 0, 1, 1}, dtype::b8), 1, false)), (Values{3}));
  EXPECT_DOUBLE_EQ(value(sum(array({3}, {0.1, 0.2, 0.3}, dtype::f64), 1, false)), 0.6);
}

TEST(Reduce, OverNothing) {
  const Array none = array({0, 3}, {});
  EXPECT_EQ(values(sum(none, 1, false)), (Values{0, 0, 0}));
  EXPECT_EQ(values(max(none, 1, false)), (Values{-INFINITY, -INFINITY, -INFINITY}));
  EXPECT_EQ(values(sum(none, 2, false)), Values{});
  EXPECT_EQ(value(sum(none, 3, false)), 0);
}

TEST(Reduce, LiteralsNeedNoPass) {
  const Array ones = full({4, 5}, dtype::f32, 1);
  EXPECT_EQ(values(sum(ones, 1, false)), Values(5, 4));
  EXPECT_EQ(value(mean(ones, 3, false)), 1);
  EXPECT_EQ(values(sum_to(ones, {1, 5})), Values(5, 4));
  EXPECT_EQ(value(max(full({3}, dtype::f32, 0.7), 1, false)), static_cast<double>(0.7f));
  for (double v : {HUGE_VAL, -HUGE_VAL, std::nan(""), -0.0, 3.0}) {
    const Values nothing = values(sum(full({2, 0}, dtype::f32, v), 2, false));
    EXPECT_EQ(nothing, (Values{0, 0})) << v;
    EXPECT_FALSE(std::signbit(nothing[0])) << v;
  }
}

TEST(Reduce, LongSumsKeepTheirDigits) {
  const std::size_t n = 1 << 20;
  const Array a = array({static_cast<std::int64_t>(n)}, Values(n, static_cast<double>(0.1f)));
  EXPECT_NEAR(value(sum(a, 1, false)) / (static_cast<double>(0.1f) * n), 1, 2e-5);
}

TEST(Reduce, SumToIsTheAdjointOfBroadcast) {
  const Array a = array({2, 3, 4}, random_values(24, -1, 1));
  EXPECT_TRUE(sum_to(a, {3, 1}).sizes() == (Sizes{3, 1}));
  const Values x = values(a), r = values(sum_to(a, {4}));
  for (std::size_t k = 0; k < 4; ++k) {
    double s = 0;
    for (std::size_t i = k; i < 24; i += 4) s += x[i];
    EXPECT_NEAR(r[k], s, 1e-5);
  }
  EXPECT_EQ(error_of<ShapeError>([&] { sum_to(a, {2}); }), "[sum_to] (2, 3, 4) is no broadcast of (2)");
  EXPECT_EQ(error_of<ShapeError>([&] { sum(a, 1u << 3, false); }), "[sum] an axis is outside (2, 3, 4)");
}

}  // namespace
}  // namespace mushin::core::test
