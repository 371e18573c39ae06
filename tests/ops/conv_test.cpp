#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::ConvKind;
using core::ConvWindow;
namespace mu = mushin;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

// Windows live as long as the program.
struct Case {
  Index x, w, y;
  ConvWindow window;
  std::int64_t groups = 1;
};
const Case cases[] = {
    {{2, 3, 7}, {4, 3, 3}, {2, 4, 5}, {{1}, {1}, {0}}},
    {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {{1}, {1}, {0}}},
    {{2, 4, 9}, {6, 2, 3}, {2, 6, 4}, {{3}, {2}, {2}}, 2},
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {2, 4, 4, 4}, {{1, 1}, {1, 1}, {0, 0}}},
    {{2, 3, 6, 5}, {4, 3, 3, 2}, {2, 4, 3, 6}, {{2, 1}, {1, 1}, {1, 1}}},
    {{3, 4, 7, 8}, {4, 1, 3, 3}, {3, 4, 4, 4}, {{2, 2}, {1, 1}, {1, 1}}, 4},  // each channel by itself
    {{2, 6, 9, 7}, {9, 2, 2, 3}, {2, 9, 5, 3}, {{2, 2}, {2, 1}, {1, 0}}, 3},  // the last elements are under no window
    {{2, 5, 4, 4}, {3, 5, 1, 1}, {2, 3, 4, 4}, {{1, 1}, {1, 1}, {0, 0}}},     // a product
    {{1, 2, 3, 3}, {2, 2, 3, 3}, {1, 2, 5, 5}, {{1, 1}, {1, 1}, {2, 2}}},     // more padding than the kernel needs
    {{1, 1, 2, 2}, {1, 1, 2, 2}, {1, 1, 3, 4}, {{3, 1}, {1, 1}, {2, 3}}},     // windows that hold no element
    {{2, 2, 4, 5, 3}, {4, 2, 2, 3, 2}, {2, 4, 3, 3, 2}, {{1, 1, 1}, {1, 1, 1}, {0, 0, 0}}},
    {{1, 4, 5, 4, 6}, {2, 2, 3, 2, 3}, {1, 2, 3, 3, 2}, {{2, 2, 3}, {1, 2, 1}, {1, 1, 1}}, 2},
    {{0, 3, 6, 5}, {4, 3, 3, 2}, {0, 4, 4, 4}, {{1, 1}, {1, 1}, {0, 0}}},
    {{2, 0, 4}, {3, 0, 2}, {2, 3, 3}, {{1}, {1}, {0}}},
};
std::string name_of_case(const Case& c) { return text_of(c.x) + " " + text_of(c.w) + " -> " + text_of(c.y); }
core::Sizes sizes(const Index& of) {
  core::Sizes s;
  for (auto n : of) s.push(n);
  return s;
}

// f(index of x, index of w, index of y) for each product of the sums.
void for_each_product(const Case& c, const std::function<void(const Index&, const Index&, const Index&)>& f) {
  const std::size_t axes = c.x.size() - 2;
  for_each_index(c.y, [&](const Index& q) {
    Index under(c.w.begin() + 1, c.w.end());
    for_each_index(under, [&](const Index& k) {
      Index p{q[0], q[1] / (c.w[0] / c.groups) * c.w[1] + k[0]}, v{q[1], k[0]};
      bool inside = true;
      for (std::size_t i = 0; i < axes; ++i) {
        p.push_back(q[2 + i] * c.window.stride[i] + k[1 + i] * c.window.dilation[i] - c.window.before[i]), v.push_back(k[1 + i]);
        inside = inside && p.back() >= 0 && p.back() < c.x[2 + i];
      }
      if (inside) f(p, v, q);
    });
  });
}
Ref oracle(const Case& c, ConvKind kind, const Ref& a, const Ref& b) {
  Ref out = full(kind == ConvKind::forward ? c.y : kind == ConvKind::data ? c.x : c.w, 0);
  for_each_product(c, [&](const Index& x, const Index& w, const Index& y) {
    if (kind == ConvKind::forward) out.at(y) += a.at(x) * b.at(w);
    if (kind == ConvKind::data) out.at(x) += a.at(y) * b.at(w);
    if (kind == ConvKind::weights) out.at(w) += a.at(x) * b.at(y);
  });
  return out;
}
constexpr ConvKind kinds[] = {ConvKind::forward, ConvKind::data, ConvKind::weights};
const Index& first_of(const Case& c, ConvKind kind) { return kind == ConvKind::data ? c.y : c.x; }
const Index& second_of(const Case& c, ConvKind kind) { return kind == ConvKind::weights ? c.y : c.w; }
const Index& result_of(const Case& c, ConvKind kind) { return kind == ConvKind::forward ? c.y : kind == ConvKind::data ? c.x : c.w; }

Ref with_bias(const Ref& y, const Ref& bias) {
  Index axes{bias.shape[0]};
  for (std::size_t i = 2; i < y.shape.size(); ++i) axes.push_back(1);
  return map(y, Ref{axes, bias.values}, [](double a, double b) { return a + b; });
}

TEST(Conv, EqualsTheOracle) {
  on_every_device([&] {
    for (const Case& c : cases)
      for (ConvKind kind : kinds)
        for (dtype type : float_types) {
          SCOPED_TRACE(std::string(name_of(type)) + " " + name_of_case(c) + " kind " + std::to_string(static_cast<int>(kind)));
          const Ref a = rounded(random(first_of(c, kind), 300), type), b = rounded(random(second_of(c, kind), 301), type);
          const core::Sizes to = sizes(result_of(c, kind));
          const Ref want = oracle(c, kind, a, b);
          const double tol = tolerance(type, 8);
          EXPECT_TRUE(close(core::conv(kind, array(a, type), array(b, type), {}, to, &c.window, c.groups), want, tol, 4 * tol));
          if (kind == ConvKind::weights) continue;
          const Ref bias = rounded(random({to[1]}, 302), type);
          EXPECT_TRUE(close(core::conv(kind, array(a, type), array(b, type), array(bias, type), to, &c.window, c.groups),
                            with_bias(want, bias), tol, 4 * tol));
        }
  });
}

TEST(Conv, OfViews) {
  const Case& c = cases[4];
  const Ref x = random({5, 3, 2, 6}, 303), w = random({2, 3, 4, 3}, 304), dy = random({2, 6, 3, 4}, 305);
  const unsigned turn[] = {2, 1, 3, 0}, about[] = {2, 1, 3, 0}, round[] = {0, 3, 2, 1};
  const Ref bias = random({8}, 306),
            every_second = generate({4}, [&](const Index&p) { return bias.values[static_cast<std::size_t>(2 * p[0])]; });
  on_every_device([&] {
    const auto f32 = [](const Ref& r) { return array(r, dtype::f32); };
    const Ref rx = permute(x, {2, 1, 3, 0}), rw = permute(w, {2, 1, 3, 0}), ry = permute(dy, {0, 3, 2, 1});
    const Array vx = core::permute(f32(x), turn), vw = core::permute(f32(w), about), vy = core::permute(f32(dy), round);
    const Array b = core::reshape(core::slice(core::reshape(f32(bias), {4, 2}), 1, 0, 1), {4});
    EXPECT_TRUE(close(core::conv(ConvKind::forward, vx, vw, b, sizes(c.y), &c.window, 1),
                      with_bias(oracle(c, ConvKind::forward, rx, rw), every_second), 1e-5, 1e-5));
    EXPECT_TRUE(close(core::conv(ConvKind::data, vy, vw, {}, sizes(c.x), &c.window, 1), oracle(c, ConvKind::data, ry, rw), 1e-5, 1e-5));
    EXPECT_TRUE(
        close(core::conv(ConvKind::weights, vx, vy, {}, sizes(c.w), &c.window, 1), oracle(c, ConvKind::weights, rx, ry), 1e-5, 1e-5));
  });
}

TEST(Conv, SpecialValuesStayWhereTheyBelong) {
  // (1, 1, 5) under a kernel of 3.
  static constexpr ConvWindow window{{1}, {1}, {0}};
  const Ref x{{1, 1, 5}, {nan, 1, 2, 3, inf}}, w{{1, 1, 3}, {1, 1, 1}}, dy{{1, 1, 3}, {1, nan, 2}};
  on_every_device([&] {
    const auto f32 = [](const Ref& r) { return array(r, dtype::f32); };
    const Ref y = ref(core::conv(ConvKind::forward, f32(x), f32(w), {}, {1, 1, 3}, &window, 1));
    EXPECT_TRUE(std::isnan(y.values[0]));
    EXPECT_EQ(y.values[1], 6);
    EXPECT_EQ(y.values[2], inf);
    const Ref dx = ref(core::conv(ConvKind::data, f32(dy), f32(w), {}, {1, 1, 5}, &window, 1));
    EXPECT_EQ(dx.values[0], 1);
    for (std::size_t i : {1u, 2u, 3u}) EXPECT_TRUE(std::isnan(dx.values[i])) << i;
    EXPECT_EQ(dx.values[4], 2);
  });
}

TEST(Conv, Gradients) {
  for (std::size_t i : {2u, 4u, 9u, 11u}) {
    const Case& c = cases[i];
    for (ConvKind kind : kinds) {
      if (i == 11 && kind != ConvKind::forward) continue;
      SCOPED_TRACE(name_of_case(c) + " kind " + std::to_string(static_cast<int>(kind)));
      const core::Sizes to = sizes(result_of(c, kind));
      std::vector<Ref> at{random(first_of(c, kind), 310), random(second_of(c, kind), 311)};
      if (kind != ConvKind::weights) at.push_back(random({to[1]}, 312));
      check_gradients(
          [&](const auto& in) { return core::conv(kind, in[0], in[1], in.size() > 2 ? in[2] : core::Traced(), to, &c.window, c.groups); },
          at, i != 11);
    }
  }
}

TEST(Conv, TypedFunctionsComputeTheirSizes) {
  const auto x = mu::randn<2, 4, 9, 8>();
  const auto y = mu::randn<2, 6, 4, 7>();
  const auto w = mu::randn<6, 2, 3, 2>();
  const auto bias = mu::randn<6>();
  const auto made = mu::conv<mu::PerAxis{2, 1}, mu::PerAxis{1, 0}, mu::PerAxis{2, 1}, 2>(x, w, bias);
  static_assert(std::same_as<decltype(made), const mu::Tensor<float, 2, 6, 4, 7>>);
  const Case c{{2, 4, 9, 8}, {6, 2, 3, 2}, {2, 6, 4, 7}, {{2, 1}, {2, 1}, {1, 0}}, 2};
  EXPECT_TRUE(close(made, with_bias(oracle(c, ConvKind::forward, ref(x), ref(w)), ref(bias)), 1e-5, 1e-5));
  const auto back = mu::conv_transpose<mu::PerAxis{2, 1}, mu::PerAxis{1, 0}, 0, 2, mu::PerAxis{2, 1}>(y, w);
  static_assert(std::same_as<decltype(back), const mu::Tensor<float, 2, 4, 9, 8>>);
  EXPECT_TRUE(close(back, oracle(c, ConvKind::data, ref(y), ref(w)), 1e-5, 1e-5));
}

TEST(Conv, SizesThatOnlyTheRunKnows) {
  static constexpr mu::Dim<"batch"> batch;
  static constexpr mu::Dim<"time"> time;
  static constexpr mu::Dim<"channels"> channels;
  const auto x = mu::ones<batch, channels, time>(batch = 2, channels = 4, time = 5);
  const auto w = mu::ones<3, channels, 3>(channels = 4), other = mu::ones<3, channels, 3>(channels = 5);
  const auto same = mu::conv<1, 1>(x, w);
  static_assert(std::same_as<decltype(same), const mu::Tensor<float, batch, 3, time>>);
  EXPECT_EQ(same.to_vector()[1], 12);
  static_assert(std::same_as<decltype(mu::conv(x, w)), mu::Tensor<float, batch, 3, mu::dyn>>);
  EXPECT_EQ(mu::conv(x, w).shape()[2], 3);
  EXPECT_TRUE(
      throws<ShapeError>([&] { mu::conv(x, other); }, "[conv] extents of one name differ at run time: a is (2, 4, 5), b is (3, 5, 3)"));
}

TEST(Conv, RefusesWhatDoesNotFit) {
  static constexpr ConvWindow window{{1, 1}, {1, 1}, {0, 0}}, padded{{1, 1}, {1, 1}, {1, 0}};
  const std::uint32_t none[3] = {};
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_sizes({2, 3}, {4, 3}, window, 1);
      },
      "[conv] needs a batch, channels and 1 to 3 axes more: x is (2, 3), the weights are (4, 3)"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_sizes({2, 3, 5, 5}, {4, 2, 3, 3}, window, 1);
      },
      "[conv] the channels differ: x is (2, 3, 5, 5), the weights are (4, 2, 3, 3) with 1 groups"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_sizes({2, 4, 5, 5}, {3, 2, 3, 3}, window, 2);
      },
      "[conv] the groups do not divide the weights' first axis: 2 groups of (3, 2, 3, 3)"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_sizes({2, 3, 5, 5}, {4, 3, 0, 3}, window, 1);
      },
      "[conv] the kernel has no element: the weights are (4, 3, 0, 3)"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_sizes({2, 3, 1, 2}, {4, 3, 3, 3}, padded, 1);
      },
      "[conv] the kernel is greater than x with its padding: x is (2, 3, 1, 2), the weights are (4, 3, 3, 3), the padding is 0 in axis 3"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_transpose_sizes({2, 3, 1, 2}, {4, 3, 3, 3}, padded, none, 1);
      },
      "[conv_transpose] the channels differ: x is (2, 3, 1, 2), the weights are (4, 3, 3, 3)"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv_transpose_sizes({2, 4, 1, 2}, {4, 3, 2, 3}, padded, none, 1);
      },
      "[conv_transpose] the padding leaves nothing: x is (2, 4, 1, 2), the weights are (4, 3, 2, 3), the padding is 1 in axis 2"));
  const Array x = array(random({2, 3, 5, 5}, 320), dtype::f32), w = array(random({4, 3, 3, 3}, 321), dtype::f32);
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv(ConvKind::forward, x, w, {}, {1, 4, 3, 3}, &window, 1);
      },
      "[conv] no convolution takes (2, 3, 5, 5) to (1, 4, 3, 3): the weights are (4, 3, 3, 3)"));
  EXPECT_TRUE(throws<Error>(
      [&] {
        core::conv(ConvKind::forward, x, core::cast(w, dtype::f64), {}, {2, 4, 3, 3}, &window, 1);
      },
      "[conv] needs one float type: float and double"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::conv(ConvKind::forward, x, w, array(random({3}, 322), dtype::f32), {2, 4, 3, 3}, &window, 1);
      },
      "[conv] the bias has not one value for each output: (3) for (2, 4, 3, 3)"));
}

}  // namespace
}  // namespace mushin::test
