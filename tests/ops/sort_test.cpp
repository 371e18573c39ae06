#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();
constexpr auto& types = all_dtypes;

struct Case {
  Index shape;
  unsigned axis;
};
const Case cases[] = {{{1}, 0},
                      {{10}, 0},
                      {{3, 5}, 0},
                      {{3, 5}, 1},
                      {{2, 3, 4}, 1},
                      {{70, 40}, 0},
                      {{2, 100, 17}, 1},
                      {{1030}, 0},
                      {{0, 3}, 1},
                      {{3, 0}, 1},
                      {{5, 1}, 1},
                      {{60, 70}, 1},
                      {{1026, 2}, 0},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 4},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 7}};

bool before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

/// Stable; NaN greater than all else.
Ref argsorted(const Ref& x, unsigned axis, bool descending) {
  Ref out = x;
  for_each_index(x.shape, [&](Index p) {
    if (p[axis] != 0) return;
    const std::int64_t n = x.shape[axis];
    std::vector<double> line;
    for (p[axis] = 0; p[axis] < n; ++p[axis]) line.push_back(x.at(p));
    std::vector<std::size_t> order(line.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return descending ? before(line[j], line[i]) : before(line[i], line[j]); });
    for (p[axis] = 0; p[axis] < n; ++p[axis]) out.at(p) = static_cast<double>(order[static_cast<std::size_t>(p[axis])]);
  });
  return out;
}

/// With many equals.
Ref values(const Index& shape, dtype type, std::uint64_t stream) {
  if (is_float(type)) return rounded(random(shape, stream, -9, 9), type);
  const double shift = type == dtype::b8 || type == dtype::u8 ? 0 : 50;
  return map(random_integers(shape, stream, type == dtype::b8 ? 2 : 100), [=](double v) { return v - shift; });
}

TEST(Sort, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Case& c : cases)
        for (bool descending : {false, true}) {
          SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.shape) + " axis " + std::to_string(c.axis));
          const Ref x = values(c.shape, type, 150), order = argsorted(x, c.axis, descending);
          EXPECT_TRUE(equal(core::sort(array(x, type), c.axis, descending), gather(x, c.axis, order)));
          EXPECT_TRUE(equal(core::argsort(array(x, type), c.axis, descending), order));
        }
  });
}

TEST(Sort, TheFirstFew) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Case& c : cases)
        for (std::int64_t k : {std::int64_t{0}, std::int64_t{1}, c.shape[c.axis] / 8, c.shape[c.axis] / 2, c.shape[c.axis]}) {
          if (k > c.shape[c.axis] || (c.shape[c.axis] > 500 && k != c.shape[c.axis] / 8)) continue;  // quadratic where it is decomposed
          SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.shape) + " axis " + std::to_string(c.axis) + " k " + std::to_string(k));
          const Ref x = values(c.shape, type, 151), order = slice(argsorted(x, c.axis, true), c.axis, 0, k);
          const core::Sorted got = core::topk(array(x, type), c.axis, k);
          EXPECT_TRUE(equal(got.values, gather(x, c.axis, order)));
          EXPECT_TRUE(equal(got.indices, order));
        }
  });
}

TEST(Sort, OfViews) {
  const Ref x = random({40, 90}, 152), t = permute(x, {1, 0});
  on_every_device([&] {
    const Array turned = core::transpose(array(x, dtype::f32));
    for (unsigned axis : {0u, 1u}) EXPECT_TRUE(equal(core::argsort(turned, axis, false), argsorted(t, axis, false))) << axis;
    EXPECT_TRUE(equal(core::argsort(core::full({4}, dtype::f32, 2), 0, true), Ref{{4}, {0, 1, 2, 3}}));
  });
}

TEST(Sort, SpecialValues) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Ref x{{9}, {0.0, nan, -inf, 1, -0.0, inf, -nan, -1, 0.0}};
      EXPECT_TRUE(equal(core::sort(array(x, type), 0, false), Ref{{9}, {-inf, -1, 0, 0, 0, 1, inf, nan, nan}}));
      EXPECT_TRUE(equal(core::argsort(array(x, type), 0, false), Ref{{9}, {2, 7, 0, 4, 8, 3, 5, 1, 6}}));
      EXPECT_TRUE(equal(core::argsort(array(x, type), 0, true), Ref{{9}, {1, 6, 5, 3, 0, 4, 8, 7, 2}}));
      const Ref sorted = ref(core::sort(array(x, type), 0, false));
      EXPECT_TRUE(!std::signbit(sorted.values[2]) && std::signbit(sorted.values[3]) && !std::signbit(sorted.values[4]));
      const core::Sorted top = core::topk(array(x, type), 0, 3);
      EXPECT_TRUE(equal(top.values, Ref{{3}, {nan, nan, inf}}));
      EXPECT_TRUE(equal(top.indices, Ref{{3}, {1, 6, 5}}));
    }
  });
}

TEST(Sort, ExtremeIntegers) {
  const std::int64_t least = std::numeric_limits<std::int64_t>::min(), greatest = std::numeric_limits<std::int64_t>::max();
  const std::int64_t x[] = {5, greatest, -1, least, 0, greatest - 1, least + 1};
  on_every_device([&] {
    EXPECT_TRUE(equal(core::argsort(core::from_values({7}, dtype::i64, x), 0, false), Ref{{7}, {3, 6, 2, 4, 0, 5, 1}}));
    EXPECT_TRUE(equal(core::argsort(core::from_values({7}, dtype::i64, x), 0, true), Ref{{7}, {1, 5, 0, 4, 2, 6, 3}}));
  });
}

TEST(Sort, Gradients) {
  for (const Case& c : {Case{{1}, 0}, Case{{6}, 0}, Case{{3, 4}, 0}, Case{{3, 4}, 1}, Case{{2, 5, 2}, 1}}) {
    SCOPED_TRACE(text_of(c.shape));
    const std::int64_t k = (c.shape[c.axis] + 1) / 2;
    const Ref x = random(c.shape, 153);
    for (bool descending : {false, true})
      check_gradients([=](const auto& in) { return core::mul(core::sort(in[0], c.axis, descending), core::sort(in[0], c.axis, false)); },
                      {x});
    check_gradients(
        [=](const auto& in) {
          const core::Traced top = core::topk(in[0], c.axis, k).values;
          return core::mul(top, top);
        },
        {x});
  }
}

TEST(Sort, RulesAtRunTime) {
  const Array x = core::full({2, 3}, dtype::f32, 1);
  EXPECT_TRUE(throws<ShapeError>([&] { core::sort(x, 2, false); }, "[sort] axis 2 is outside (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::argsort(x, 5, false); }, "[argsort] axis 5 is outside (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::topk(x, 1, 4); }, "[topk] 4 elements are not in axis 1 of (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::topk(x, 1, -1); }, "[topk] -1 elements are not in axis 1 of (2, 3)"));
}

inline constexpr Dim<"n"> n;

TEST(Sort, Typed) {
  const auto x = tensor<2, 3>({2, 3, 1, 4, 6, 5});
  EXPECT_TRUE(equal(sort<-1>(x), Ref{{2, 3}, {1, 2, 3, 4, 5, 6}}));
  EXPECT_TRUE(equal(sort<1>(x, descending), Ref{{2, 3}, {3, 2, 1, 6, 5, 4}}));
  const Tensor<std::int64_t, 2, 3> order = argsort<1>(x);
  EXPECT_TRUE(equal(order, Ref{{2, 3}, {2, 0, 1, 0, 2, 1}}));
  EXPECT_TRUE(equal(argsort<0>(x, descending), Ref{{2, 3}, {1, 1, 1, 0, 0, 0}}));
  EXPECT_TRUE(equal(gather<1>(x, order), ref(sort<1>(x))));
  auto w = variable(x);
  auto [values, indices] = topk<1, 2>(w);
  static_assert(std::same_as<decltype(values), Traced<float, 2, 2>> && std::same_as<decltype(indices), Tensor<std::int64_t, 2, 2>>);
  EXPECT_TRUE(equal(values, Ref{{2, 2}, {3, 2, 6, 5}}));
  EXPECT_TRUE(equal(indices, Ref{{2, 2}, {1, 0, 1, 2}}));
  EXPECT_TRUE(equal(grad(values, w), Ref{{2, 3}, {1, 1, 0, 0, 1, 1}}));
  EXPECT_TRUE(throws<ShapeError>([&] { topk<0, 3>(ones<n>(n = 2)); }, "[topk] 3 elements are not in axis 0 of (2)"));
}

}  // namespace
}  // namespace mushin::test
