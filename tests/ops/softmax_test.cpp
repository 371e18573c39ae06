#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  Index shape;
  int axis;
};
const Case cases[] = {
    {{1}, 0},        {{10}, 0},       {{3, 5}, 0},       {{3, 5}, 1},       {{2, 3, 4}, 1},  {{128, 10}, 1}, {{64, 300}, 1},
    {{40, 1000}, 1}, {{1000, 40}, 0}, {{5, 50, 100}, 2}, {{20, 33, 40}, 1}, {{1, 20000}, 1}, {{0, 3}, 1},    {{2, 1, 2, 1, 3, 1, 2, 5}, 4},
};

Ref log_softmax(const Ref& x, int axis) {
  const Ref shifted = map(x, max(x, {axis}, true), [](double v, double m) { return v - m; });
  return map(shifted, sum(map(shifted, [](double v) { return std::exp(v); }), {axis}, true),
             [](double v, double s) { return v - std::log(s); });
}

TEST(Softmax, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases)
        for (double scale : {1.0, 80.0}) {
          const Ref x = rounded(random(c.shape, 80, -scale, scale), type);
          const auto axis = static_cast<unsigned>(c.axis);
          const double eps = tolerance(type, 4);
          EXPECT_TRUE(close(core::softmax(array(x, type), axis), softmax(x, c.axis), 4 * eps * (1 + scale / 8), eps))
              << name_of(type) << " " << text_of(c.shape) << " axis " << axis;
          EXPECT_TRUE(close(core::log_softmax(array(x, type), axis), log_softmax(x, c.axis), eps, 6 * eps * (1 + scale)))
              << name_of(type) << " " << text_of(c.shape) << " axis " << axis;
        }
  });
}

TEST(Softmax, OfATransposedView) {
  const Ref x = random({70, 300}, 81, -4, 4);
  on_every_device([&] {
    EXPECT_TRUE(close(core::softmax(core::transpose(array(x, dtype::f32)), 1), permute(softmax(x, 0), {1, 0}), 1e-5, 1e-7));
    EXPECT_TRUE(close(core::log_softmax(core::transpose(array(x, dtype::f32)), 0), permute(log_softmax(x, 1), {1, 0}), 1e-5, 1e-5));
  });
}

TEST(Softmax, BackwardEqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases) {
        const auto axis = static_cast<unsigned>(c.axis);
        const Ref x = random(c.shape, 82, -4, 4), dy = random(c.shape, 83), y = softmax(x, c.axis), l = log_softmax(x, c.axis);
        const Ref dot = sum(map(y, dy, [](double a, double b) { return a * b; }), {c.axis}, true), total = sum(dy, {c.axis}, true);
        const Ref centred = map(dy, dot, [](double a, double b) { return a - b; });
        const Ref spread = map(map(l, [](double v) { return std::exp(v); }), total, [](double a, double b) { return a * b; });
        const double eps = tolerance(type, 8) * std::sqrt(static_cast<double>(c.shape[axis]) + 1);
        EXPECT_TRUE(close(core::softmax_backward(array(y, type), array(dy, type), axis),
                          map(y, centred, [](double a, double b) { return a * b; }), eps, eps))
            << name_of(type) << " " << text_of(c.shape);
        EXPECT_TRUE(close(core::log_softmax_backward(array(l, type), array(dy, type), axis),
                          map(dy, spread, [](double a, double b) { return a - b; }), eps, eps))
            << name_of(type) << " " << text_of(c.shape);
      }
  });
}

TEST(Softmax, SpecialValues) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Ref x{{4, 3}, {-inf, 0, 0, 1e30, -1e30, 0, nan, 1, 2, 500, 500, -500}};
      const Ref got = ref(core::softmax(array(x, type), 1));
      EXPECT_TRUE(close(slice(got, 0, 0, 2), Ref{{2, 3}, {0, 0.5, 0.5, 1, 0, 0}}));
      for (std::int64_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(got.at({2, i})));
      EXPECT_TRUE(close(slice(got, 0, 3, 4), Ref{{1, 3}, {0.5, 0.5, 0}}));
      const Ref logs = ref(core::log_softmax(array(x, type), 1));
      EXPECT_EQ(logs.at({0, 0}), -inf);
      EXPECT_TRUE(std::isnan(logs.at({2, 1})));
      EXPECT_NEAR(logs.at({3, 2}), -1000 - std::log(2.0), 1e-4);
    }
  });
}

TEST(Softmax, Gradients) {
  for (const Case& c : {Case{{4}, 0}, Case{{2, 3}, 1}, Case{{3, 2}, 0}, Case{{2, 2, 2}, 1}}) {
    SCOPED_TRACE(text_of(c.shape));
    const auto axis = static_cast<unsigned>(c.axis);
    check_gradients([=](const auto& in) { return core::softmax(in[0], axis); }, {random(c.shape, 84, -2, 2)});
    check_gradients([=](const auto& in) { return core::log_softmax(in[0], axis); }, {random(c.shape, 85, -2, 2)});
    check_gradients([=](const auto& in) { return core::softmax_backward(in[0], in[1], axis); }, {random(c.shape, 86), random(c.shape, 87)});
    check_gradients([=](const auto& in) { return core::log_softmax_backward(in[0], in[1], axis); },
                    {random(c.shape, 88), random(c.shape, 89)});
  }
}

}  // namespace
}  // namespace mushin::test
