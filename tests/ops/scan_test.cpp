#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  Index shape;
  unsigned axis;
};
const Case cases[] = {{{1}, 0},
                      {{10}, 0},
                      {{3, 5}, 0},
                      {{3, 5}, 1},
                      {{2, 3, 4}, 1},
                      {{70, 200}, 0},
                      {{3, 300, 70}, 1},
                      {{40000}, 0},
                      {{0, 3}, 1},
                      {{3, 0}, 1},
                      {{5, 1}, 1},
                      {{300, 70}, 1},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 4},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 7}};

/// Folds along the axis, in the type `T`, from the first or from the last.
template <class T, class F>
Ref scanned(const Ref& x, unsigned axis, bool reverse, F f) {
  Ref out = x;
  const std::int64_t n = x.shape[axis], first = reverse ? n - 1 : 0, step = reverse ? -1 : 1;
  for_each_index(x.shape, [&](Index p) {
    if (p[axis] != first) return;
    T acc = static_cast<T>(x.at(p));
    for (std::int64_t i = 1; i < n; ++i) {
      p[axis] += step;
      out.at(p) = static_cast<double>(acc = f(acc, static_cast<T>(x.at(p))));
    }
  });
  return out;
}

TEST(Scan, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::f16, dtype::bf16})
      for (const Case& c : cases) {
        if (c.shape[c.axis] > 1000) continue;
        const Ref x = rounded(random(c.shape, 140, -1, 1), type), near_one = rounded(random(c.shape, 141, 0.9, 1.1), type);
        const double eps = tolerance(type, 4) * static_cast<double>(c.shape[c.axis] + 1);
        for (bool reverse : {false, true})
          EXPECT_TRUE(close(core::cumsum(array(x, type), c.axis, reverse), scanned<double>(x, c.axis, reverse, std::plus<>()), eps, eps))
              << name_of(type) << " " << text_of(c.shape) << " axis " << c.axis << " reverse " << reverse;
        EXPECT_TRUE(
            close(core::cumprod(array(near_one, type), c.axis), scanned<double>(near_one, c.axis, false, std::multiplies<>()), eps, 0))
            << name_of(type) << " " << text_of(c.shape) << " axis " << c.axis;
      }
  });
}

TEST(Scan, IntegersWrap) {
  on_every_device([&] {
    for (const Case& c : cases) {
      if (c.shape[c.axis] > 1000) continue;
      const Ref x = random_integers(c.shape, 142, 100), want = scanned<double>(x, c.axis, false, std::plus<>());
      for (dtype type : {dtype::i64, dtype::i32, dtype::i8, dtype::u8}) {
        const core::Array got = core::cumsum(array(x, type), c.axis, false);
        EXPECT_EQ(got.type(), dtype::i64);
        EXPECT_TRUE(equal(got, want)) << name_of(type) << " " << text_of(c.shape) << " axis " << c.axis;
      }
    }
    // 3^k leaves 64 bits from k = 41 on.
    std::vector<std::int64_t> got(64);
    core::read_all(core::cumprod(core::full({64}, dtype::i64, 3), 0), got.data());
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(got[i], static_cast<std::int64_t>(power *= 3)) << i;
  });
}

TEST(Scan, OfBoolCounts) {
  on_every_device([&] {
    const Ref x{{6}, {1, 0, 1, 1, 0, 1}};
    const core::Array got = core::cumsum(array(x, dtype::b8), 0, false);
    EXPECT_EQ(got.type(), dtype::i64);
    EXPECT_TRUE(equal(got, Ref{{6}, {1, 1, 2, 3, 3, 4}}));
    EXPECT_TRUE(equal(core::cumprod(array(x, dtype::b8), 0), Ref{{6}, {1, 0, 0, 0, 0, 0}}));
  });
}

TEST(Scan, OfViews) {
  const Ref x = random_integers({70, 90}, 143, 9);
  on_every_device([&] {
    const core::Array turned = core::transpose(array(x, dtype::f32));
    for (unsigned axis : {0u, 1u})
      EXPECT_TRUE(equal(core::cumsum(turned, axis, false), scanned<double>(permute(x, {1, 0}), axis, false, std::plus<>()))) << axis;
    EXPECT_TRUE(equal(core::cumsum(core::full({4}, dtype::f32, 2), 0, true), Ref{{4}, {8, 6, 4, 2}}));
    EXPECT_TRUE(equal(core::cumsum(core::broadcast_to(array(Ref{{1, 3}, {1, 2, 3}}, dtype::f64), {3, 3}), 0, false),
                      Ref{{3, 3}, {1, 2, 3, 2, 4, 6, 3, 6, 9}}));
  });
}

TEST(Scan, DoesNotDependOnWhereALineStands) {
  // Lines of one array are split among threads; equal lines give equal bits.
  const Ref line = random({1, 3000}, 144);
  on_every_device([&] {
    const core::Array one = array(line, dtype::f32);
    const Ref want = ref(core::cumsum(one, 1, false));
    const Ref got = ref(core::cumsum(core::broadcast_to(one, {200, 3000}), 1, false));
    EXPECT_TRUE(close(got, broadcast_to(want, {200, 3000}), 0, 0));
  });
}

TEST(Scan, SpecialValues) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Ref x{{6}, {1, inf, 2, -inf, 3, 0}}, y{{4}, {2, 0, nan, 0}}, z{{3}, {-0.0, -0.0, 0.0}};
      EXPECT_TRUE(equal(core::cumsum(array(x, type), 0, false), Ref{{6}, {1, inf, inf, nan, nan, nan}}));
      EXPECT_TRUE(equal(core::cumprod(array(x, type), 0), Ref{{6}, {1, inf, inf, -inf, -inf, nan}}));
      EXPECT_TRUE(equal(core::cumprod(array(y, type), 0), Ref{{4}, {2, 0, nan, nan}}));
      const Ref zeros = ref(core::cumsum(array(z, type), 0, false));
      EXPECT_TRUE(std::signbit(zeros.values[0]) && std::signbit(zeros.values[1]) && !std::signbit(zeros.values[2]));
    }
  });
}

TEST(Scan, Gradients) {
  for (const Case& c : {Case{{1}, 0}, Case{{5}, 0}, Case{{2, 3}, 0}, Case{{3, 4}, 1}, Case{{2, 5, 2}, 1}}) {
    SCOPED_TRACE(text_of(c.shape));
    for (bool reverse : {false, true})
      check_gradients([=](const auto& in) { return core::cumsum(core::mul(in[0], in[0]), c.axis, reverse); }, {random(c.shape, 145)});
    check_gradients([=](const auto& in) { return core::cumprod(in[0], c.axis); }, {random(c.shape, 146)});
  }
}

TEST(Scan, GradientsOfProductsWithZeros) {
  check_gradients([](const auto& in) { return core::cumprod(in[0], 0); }, {Ref{{5}, {2, 0, 3, 0.5, -1}}});
  check_gradients([](const auto& in) { return core::cumprod(in[0], 1); }, {Ref{{3, 4}, {0, 0, 1, 2, 3, -1, 0, 0, 0, 2, 0, 1}}});
}

TEST(Scan, GradientOfNothing) {
  on_every_device([&] {
    const core::Leaf leaf(array(Ref{{0, 3}, {}}, dtype::f64));
    const core::Traced w = leaf.traced();
    core::Traced g;
    core::gradients(core::cumprod(core::cumsum(w, 0, false), 0), &w, &g, 1, false);
    EXPECT_EQ(g.sizes(), (core::Sizes{0, 3}));
  });
}

TEST(Scan, AxisOutsideIsAnError) {
  EXPECT_TRUE(throws<ShapeError>([] { core::cumsum(core::full({2, 3}, dtype::f32, 1), 2, false); }, "[cumsum] axis 2 is outside (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([] { core::cumprod(core::full({}, dtype::f32, 1), 0); }, "[cumprod] axis 0 is outside ()"));
}

TEST(Scan, Typed) {
  const auto x = tensor<2, 3>({1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(equal(cumsum<-1>(x), Ref{{2, 3}, {1, 3, 6, 4, 9, 15}}));
  EXPECT_TRUE(equal(cumprod<0>(x), Ref{{2, 3}, {1, 2, 3, 4, 10, 18}}));
  auto w = variable(x);
  static_assert(std::same_as<decltype(cumsum<0>(w)), Traced<float, 2, 3>>);
  EXPECT_TRUE(equal(grad(cumsum<1>(w), w), Ref{{2, 3}, {3, 2, 1, 3, 2, 1}}));
  EXPECT_TRUE(equal(grad(cumprod<1>(w), w), Ref{{2, 3}, {9, 4, 2, 36, 28, 20}}));
}

}  // namespace
}  // namespace mushin::test
