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
  EXPECT_TRUE(throws<ShapeError>([&] { core::layer_norm(x.raw(), bias.raw(), x.raw(), 1e-3); },
                                 "[layer_norm] gain and bias have different sizes: (3) and (2, 3)"));
  const auto y = mu::layer_norm(x, bias, bias);
  static_assert(std::is_same_v<decltype(y), const mu::Tensor<float, 2, width>>);
  EXPECT_EQ(y.to_vector(), std::vector<float>(6, 1.0f));
}

TEST(RmsNorm, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Case& c : cases) {
        const Ref x = rounded(random(c.shape, 220, -3, 4), type), g = rounded(random(last_of(c), 221), type),
                  dy = rounded(random(c.shape, 222), type);
        const double n = static_cast<double>(count(last_of(c))), lines = static_cast<double>(count(c.shape)) / n;
        const auto mean = [&](const Ref& r) { return map(sum(r, axes_of(c), true), [n](double v) { return v / n; }); };
        const Ref scale = map(mean(map(x, x, product)), [](double v) { return 1 / std::sqrt(v + eps); });
        const Ref value = map(x, scale, product), h = map(dy, g, product), along = mean(map(h, value, product));
        std::vector<int> rows;
        for (std::size_t i = 0; i + c.last < c.shape.size(); ++i) rows.push_back(static_cast<int>(i));
        const Ref to_gain = map(dy, value, product);
        const double tol = tolerance(type, 64);
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.shape));
        EXPECT_TRUE(close(core::rms_norm(array(x, type), array(g, type), eps), map(value, g, product), tol, tol));
        const auto got = core::rms_norm_backward(array(x, type), array(g, type), array(dy, type), eps);
        EXPECT_TRUE(close(got.x, map(map(h, map(value, along, product), difference), scale, product), tol, 4 * tol));
        EXPECT_TRUE(close(got.gain, rows.empty() ? to_gain : sum(to_gain, rows, false), tol, tol * (1 + std::sqrt(lines))));
        EXPECT_FALSE(got.bias);
      }
  });
}

TEST(RmsNorm, Gradients) {
  for (const Case& c : {Case{{4}, 1}, Case{{2, 3}, 1}, Case{{2, 2, 3}, 2}}) {
    SCOPED_TRACE(text_of(c.shape));
    check_gradients([](const auto& in) { return core::rms_norm(in[0], in[1], 1e-3); }, {random(c.shape, 223), random(last_of(c), 224)});
  }
}

TEST(RmsNorm, SpecialValues) {
  on_every_device([&] {
    const Ref x{{4, 2}, {nan, 1, inf, 1, 0, -0.0, 1e18, -1e18}}, one{{2}, {1, 1}};
    const Ref got = ref(core::rms_norm(array(x, dtype::f32), array(one, dtype::f32), eps));
    EXPECT_TRUE(std::isnan(got.at({0, 1})) && std::isnan(got.at({1, 0})));
    EXPECT_EQ(got.at({1, 1}), 0);
    EXPECT_TRUE(got.at({2, 0}) == 0 && std::signbit(got.at({2, 1})));
    EXPECT_NEAR(got.at({3, 1}), -1, 1e-6);
  });
}

// Channels along axis 1: lines and rows of them, several chunks of each, and as many as fill no vector.
const Index channel_cases[] = {{2, 1},       {3, 5},        {130, 70},    {2, 3, 4},   {5, 2, 1},
                               {1, 3, 9000}, {1, 1, 17000}, {70, 1, 301}, {600, 2, 7}, {1, 1, 300},
                               {2, 3, 4, 5}, {2, 2, 2, 33}, {0, 3, 2},    {9, 130, 1}, {2, 3, 1, 2, 1, 2, 1, 2}};

struct ChannelOracle {
  std::vector<int> axes{0};
  double n = 1;
  Index beside;  // of what is one for each channel, to broadcast
  Ref mean, variance, scale, value;

  explicit ChannelOracle(const Ref& x) : beside{x.shape[1]} {
    for (std::size_t i = 2; i < x.shape.size(); ++i) axes.push_back(static_cast<int>(i)), beside.push_back(1);
    n = static_cast<double>(count(x.shape) / x.shape[1]);
    mean = average(x);
    const Ref d = map(x, mean, difference);
    variance = average(map(d, d, product));
    scale = map(variance, [](double v) { return 1 / std::sqrt(v + eps); });
    value = map(d, scale, product);
  }
  Ref average(const Ref& r) const {
    return map(sum(r, axes, true), [n = n](double v) { return v / n; });
  }
  Ref along(const Ref& r) const { return {beside, r.values}; }
  Ref flat(const Ref& r) const { return {{beside[0]}, r.values}; }
};

void expect_batch_norm(const Ref& x, const Array& made, const Ref& dy, const Array& given, dtype type) {
  const Ref g = rounded(random({x.shape[1]}, 231), type), b = rounded(random({x.shape[1]}, 232), type);
  const ChannelOracle o(x);
  const double tol = tolerance(type, 64), far = tol * (1 + std::sqrt(o.n));
  core::ChannelStatistics got;
  const Array y = core::batch_norm(made, array(g, type), array(b, type), eps, &got);
  EXPECT_TRUE(close(y, map(map(o.value, o.along(g), product), o.along(b), total), tol, 4 * tol));
  if (count(x.shape) != 0) {
    const double fine = tolerance(type == dtype::f64 ? dtype::f64 : dtype::f32, 64);
    EXPECT_TRUE(close(got.mean, o.flat(o.mean), fine, fine));
    EXPECT_TRUE(close(got.variance, o.flat(o.variance), fine, fine));
  }
  const Ref h = map(dy, o.along(g), product), slope = o.average(map(h, o.value, product));
  const Ref dx = map(map(map(h, o.average(h), difference), map(o.value, slope, product), difference), o.scale, product);
  const auto back = core::batch_norm_backward(made, array(g, type), given, got, eps);
  EXPECT_TRUE(close(back.x, dx, tol, 8 * tol));
  EXPECT_TRUE(close(back.gain, sum(map(dy, o.value, product), o.axes, false), tol, far));
  EXPECT_TRUE(close(back.bias, sum(dy, o.axes, false), tol, far));
}

TEST(BatchNorm, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Index& shape : channel_cases) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(shape));
        const Ref x = rounded(random(shape, 230, -3, 4), type), dy = rounded(random(shape, 233), type);
        expect_batch_norm(x, array(x, type), dy, array(dy, type), type);
      }
  });
}

TEST(BatchNorm, OfViews) {
  const std::pair<Index, std::vector<int>> views[] = {
      {{70, 6}, {1, 0}}, {{3, 5, 67}, {0, 2, 1}}, {{4, 3, 5}, {2, 1, 0}}, {{67, 3, 5}, {1, 0, 2}}, {{9, 4}, {0, 1}}};
  on_every_device([&] {
    for (const auto& [shape, order] : views) {
      SCOPED_TRACE(text_of(shape));
      const Ref x = random(shape, 234, -2, 3), dy = random(shape, 235);
      std::vector<unsigned> axes(order.begin(), order.end());
      const auto turned = [&](const Ref& r) { return core::permute(array(r, dtype::f32), axes.data()); };
      expect_batch_norm(rounded(permute(x, order), dtype::f32), turned(x), rounded(permute(dy, order), dtype::f32), turned(dy), dtype::f32);
      expect_batch_norm(rounded(permute(x, order), dtype::f32), turned(x), rounded(permute(dy, order), dtype::f32),
                        array(permute(dy, order), dtype::f32), dtype::f32);
    }
  });
}

TEST(BatchNorm, OfLargeValuesThatHardlyDiffer) {
  const Ref one{{1}, {1}}, zero{{1}, {0}};
  on_every_device([&] {
    for (const Index& shape : {Index{4, 1}, Index{1, 1, 4}, Index{2, 1, 2}}) {
      const Ref x{shape, {10000, 10001, 10002, 10003}};
      EXPECT_TRUE(close(core::batch_norm(array(x, dtype::f32), array(one, dtype::f32), array(zero, dtype::f32), eps),
                        ChannelOracle(x).value, 1e-5, 1e-6));
    }
  });
}

TEST(BatchNorm, SpecialValuesStayInTheirChannel) {
  on_every_device([&] {
    const Ref x{{2, 3, 2}, {nan, 1, inf, 0, 1, 2, 2, 3, 1, 1, 1, 2}}, one{{3}, {1, 1, 1}}, half{{3}, {0.5, 0.5, 0.5}};
    const Ref got = ref(core::batch_norm(array(x, dtype::f32), array(one, dtype::f32), array(half, dtype::f32), eps));
    for (std::int64_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(std::isnan(got.at({i / 2, 0, i % 2})) && std::isnan(got.at({i / 2, 1, i % 2})));
      EXPECT_NEAR(got.at({i / 2, 2, i % 2}), i % 2 ? 1.5 : -0.5, 1e-4);
    }
  });
}

TEST(BatchNorm, Gradients) {
  for (const Index& shape : {Index{3, 2}, Index{2, 2, 3}, Index{2, 1, 2, 2}}) {
    SCOPED_TRACE(text_of(shape));
    const Ref x = random(shape, 236, -2, 2), g = random({shape[1]}, 237), b = random({shape[1]}, 238);
    check_gradients([](const auto& in) { return core::batch_norm(in[0], in[1], in[2], 1e-2); }, {x, g, b});
    check_gradients([&](const auto& in) { return core::batch_norm(core::Traced(array(x, dtype::f64)), in[0], in[1], 1e-2); }, {g, b});
    check_gradients([&](const auto& in) { return core::batch_norm(array(x, dtype::f64), array(g, dtype::f64), in[0], 1e-2); }, {b});
  }
}

TEST(BatchNorm, SizesThatOnlyTheRunKnows) {
  constexpr mu::Dim<"channels"> channels;
  const auto x = mu::ones<2, channels, 2>(channels = 3);
  const auto good = mu::ones<channels>(channels = 3), bad = mu::ones<channels>(channels = 4);
  EXPECT_TRUE(throws<ShapeError>([&] { mu::batch_norm(x, bad, good); },
                                 "[batch_norm] the gain does not have the size of axis 1 of x: (4) and (2, 3, 2)"));
  EXPECT_TRUE(throws<ShapeError>([&] { mu::batch_norm(x, good, bad); },
                                 "[batch_norm] the bias does not have the size of axis 1 of x: (4) and (2, 3, 2)"));
  EXPECT_TRUE(throws<ShapeError>([&] { mu::rms_norm(mu::ones<2, channels>(channels = 3), bad); },
                                 "[rms_norm] the gain does not have the last sizes of x: (4) and (2, 3)"));
  EXPECT_EQ(mu::batch_norm(x, good, good).to_vector(), std::vector<float>(12, 1.0f));
}

}  // namespace
}  // namespace mushin::test
