#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
namespace mu = mushin;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN(), eps = 1e-5;

struct Case {
  Index shape;
  std::size_t last;  // axes that are normalised over
};
const Case cases[] = {{{1}, 1},
                      {{7}, 1},
                      {{3, 5}, 1},
                      {{3, 5}, 2},
                      {{2, 3, 4}, 2},
                      {{130, 33}, 1},
                      {{9, 2000}, 1},
                      {{2000, 9}, 1},
                      {{4, 1}, 1},
                      {{0, 3}, 1},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 3}};

Index last_of(const Case& c) { return Index(c.shape.end() - static_cast<std::ptrdiff_t>(c.last), c.shape.end()); }
std::vector<int> axes_of(const Case& c) {
  std::vector<int> axes;
  for (std::size_t i = c.shape.size() - c.last; i < c.shape.size(); ++i) axes.push_back(static_cast<int>(i));
  return axes;
}

double product(double a, double b) { return a * b; }
double difference(double a, double b) { return a - b; }
double total(double a, double b) { return a + b; }

struct Oracle {
  Ref value, scale;  // of x, standardized; 1 / sqrt(variance + eps)
  Oracle(const Ref& x, const Case& c) {
    const auto axes = axes_of(c);
    const double n = static_cast<double>(count(last_of(c)));
    const auto mean = [&](const Ref& r) { return map(sum(r, axes, true), [n](double v) { return v / n; }); };
    const Ref d = map(x, mean(x), difference);
    scale = map(mean(map(d, d, product)), [](double v) { return 1 / std::sqrt(v + eps); });
    value = map(d, scale, product);
  }
};

TEST(LayerNorm, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases) {
        const Ref x = rounded(random(c.shape, 200, -3, 4), type), g = rounded(random(last_of(c), 201), type),
                  b = rounded(random(last_of(c), 202), type);
        const Ref want = map(map(Oracle(x, c).value, g, product), b, total);
        const double tol = tolerance(type, 16);
        EXPECT_TRUE(close(core::layer_norm(array(x, type), array(g, type), array(b, type), eps), want, tol, 2 * tol))
            << name_of(type) << " " << text_of(c.shape);
      }
  });
}

TEST(LayerNorm, BackwardEqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases) {
        const Ref x = rounded(random(c.shape, 203, -3, 4), type), g = rounded(random(last_of(c), 204), type),
                  dy = rounded(random(c.shape, 205), type);
        const Oracle o(x, c);
        const double n = static_cast<double>(count(last_of(c)));
        const auto mean = [&](const Ref& r) { return map(sum(r, axes_of(c), true), [n](double v) { return v / n; }); };
        const Ref h = map(dy, g, product), along = mean(map(h, o.value, product));
        const Ref dx = map(map(map(h, mean(h), difference), map(o.value, along, product), difference), o.scale, product);
        std::vector<int> rows;
        for (std::size_t i = 0; i + c.last < c.shape.size(); ++i) rows.push_back(static_cast<int>(i));
        const auto got = core::layer_norm_backward(array(x, type), array(g, type), array(dy, type), eps);
        const double lines = static_cast<double>(count(c.shape)) / n, tol = tolerance(type, 64);
        const auto summed = [&](const Ref& r) { return rows.empty() ? r : sum(r, rows, false); };
        EXPECT_TRUE(close(got.x, dx, tol, 4 * tol)) << name_of(type) << " " << text_of(c.shape);
        EXPECT_TRUE(close(got.gain, summed(map(dy, o.value, product)), tol, tol * (1 + std::sqrt(lines)))) << text_of(c.shape);
        EXPECT_TRUE(close(got.bias, summed(dy), tol, tol * (1 + std::sqrt(lines)))) << text_of(c.shape);
      }
  });
}

TEST(LayerNorm, OfLargeValuesThatHardlyDiffer) {
  const Ref x{{1, 4}, {10000, 10001, 10002, 10003}}, one{{4}, {1, 1, 1, 1}}, zero{{4}, {0, 0, 0, 0}};
  on_every_device([&] {
    EXPECT_TRUE(close(core::layer_norm(array(x, dtype::f32), array(one, dtype::f32), array(zero, dtype::f32), eps),
                      Oracle(x, {{1, 4}, 1}).value, 1e-5, 1e-6));
  });
}

TEST(LayerNorm, OfViews) {
  const Ref x = random({6, 40}, 206), g = random({6}, 207), b = random({6}, 208), dy = random({6, 40}, 209);
  const Case c{{40, 6}, 1};
  const Ref turned = permute(x, {1, 0});
  on_every_device([&] {
    const auto f32 = [](const Ref& r) { return array(r, dtype::f32); };
    EXPECT_TRUE(close(core::layer_norm(core::transpose(f32(x)), f32(g), f32(b), eps),
                      map(map(Oracle(turned, c).value, g, product), b, total), 1e-5, 1e-5));
    const auto got = core::layer_norm_backward(core::transpose(f32(x)), f32(g), core::transpose(f32(dy)), eps);
    EXPECT_TRUE(close(got.bias, sum(permute(dy, {1, 0}), {0}, false), 1e-5, 1e-5));
  });
}

TEST(LayerNorm, SpecialValues) {
  on_every_device([&] {
    const Ref x{{4, 3}, {nan, 1, 2, inf, 0, 0, 5, 5, 5, 1, 2, 3}}, one{{3}, {1, 1, 1}}, half{{3}, {0.5, 0.5, 0.5}};
    const Ref got = ref(core::layer_norm(array(x, dtype::f32), array(one, dtype::f32), array(half, dtype::f32), eps));
    for (std::int64_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(std::isnan(got.at({0, i}))) << i;
      EXPECT_TRUE(std::isnan(got.at({1, i}))) << i;
      EXPECT_EQ(got.at({2, i}), 0.5) << i;
    }
    EXPECT_NEAR(got.at({3, 2}), 0.5 + std::sqrt(1.5), 1e-4);
  });
}

TEST(LayerNorm, Gradients) {
  for (const Case& c : {Case{{4}, 1}, Case{{2, 3}, 1}, Case{{2, 2, 3}, 2}}) {
    SCOPED_TRACE(text_of(c.shape));
    const auto norm = [](const auto& in) { return core::layer_norm(in[0], in[1], in[2], 1e-3); };
    check_gradients(norm, {random(c.shape, 210, -2, 2), random(last_of(c), 211), random(last_of(c), 212)});
    const Ref x = random(c.shape, 213, -2, 2);
    check_gradients([&](const auto& in) { return core::layer_norm(core::Traced(array(x, dtype::f64)), in[0], in[1], 1e-3); },
                    {random(last_of(c), 214), random(last_of(c), 215)});
    const Ref g = random(last_of(c), 216);
    check_gradients([&](const auto& in) { return core::layer_norm(array(x, dtype::f64), array(g, dtype::f64), in[0], 1e-3); },
                    {random(last_of(c), 217)});
  }
}

TEST(LayerNorm, SizesThatOnlyTheRunKnows) {
  constexpr mu::Dim<"width"> width;
  const auto x = mu::ones<2, width>(width = 3);
  const auto bias = mu::ones<width>(width = 3), gain = mu::ones<width>(width = 4);
  EXPECT_TRUE(throws<ShapeError>([&] { mu::layer_norm(x, gain, bias); },
                                 "[layer_norm] the gain does not have the last sizes of x: (4) and (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { mu::layer_norm(x, bias, gain); },
                                 "[layer_norm] the bias does not have the last sizes of x: (4) and (2, 3)"));
  const auto y = mu::layer_norm(x, bias, bias);
  static_assert(std::is_same_v<decltype(y), const mu::Tensor<float, 2, width>>);
  EXPECT_EQ(y.to_vector(), std::vector<float>(6, 1.0f));
}

}  // namespace
}  // namespace mushin::test
