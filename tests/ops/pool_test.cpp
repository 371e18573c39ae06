#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::PoolWindow;
namespace mu = mushin;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

// Windows live as long as the program.
struct Case {
  Index x, y;
  PoolWindow window;
};
const Case cases[] = {
    {{2, 3, 8}, {2, 3, 4}, {{2}, {2}, {1}, {0}, false, false}},
    {{2, 3, 9}, {2, 3, 3}, {{3}, {3}, {2}, {1}, false, false}},
    {{2, 3, 6, 8}, {2, 3, 3, 4}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, false, false}},
    {{1, 2, 7, 7}, {1, 2, 4, 4}, {{3, 3}, {2, 2}, {1, 1}, {1, 1}, false, true}},   // windows overlap
    {{1, 2, 7, 7}, {1, 2, 4, 4}, {{3, 3}, {2, 2}, {1, 1}, {1, 1}, false, false}},  // and count what is inside
    {{2, 2, 5, 6}, {2, 2, 3, 4}, {{2, 3}, {2, 2}, {1, 1}, {0, 1}, true, true}},    // and reach beyond the padding
    {{2, 2, 5, 6}, {2, 2, 3, 4}, {{2, 3}, {2, 2}, {1, 1}, {0, 1}, true, false}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}, false, false}},
    {{2, 2, 5, 4, 6}, {2, 2, 2, 2, 3}, {{2, 2, 3}, {3, 2, 2}, {1, 1, 1}, {0, 0, 1}, false, true}},
    {{0, 3, 6, 8}, {0, 3, 3, 4}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, false, false}},
};
bool has_dilation(const Case& c) { return c.window.dilation[0] > 1; }
core::Sizes sizes(const Index& of) {
  core::Sizes s;
  for (auto n : of) s.push(n);
  return s;
}

// f(index of x) for each element inside of the window at q; how many elements the window counts besides.
template <class F>
std::int64_t for_each_inside(const Case& c, const Index& q, F f) {
  const std::size_t axes = c.x.size() - 2;
  Index window(c.window.window, c.window.window + axes);
  std::int64_t outside = 0;
  for_each_index(window, [&](const Index& k) {
    Index p{q[0], q[1]};
    bool inside = true, padding = true;
    for (std::size_t i = 0; i < axes; ++i) {
      const std::int64_t pad = c.window.padding[i], at = q[2 + i] * c.window.stride[i] + k[i] * c.window.dilation[i] - pad;
      inside = inside && at >= 0 && at < c.x[2 + i];
      padding = padding && at < c.x[2 + i] + pad;
      p.push_back(at);
    }
    if (inside) f(p);
    outside += !inside && padding;
  });
  return c.window.counts_padding ? outside : 0;
}
Index greatest(const Case& c, const Ref& x, const Index& q) {
  Index at;
  for_each_inside(c, q, [&](const Index& p) {
    if (at.empty() || x.at(p) > x.at(at) || (std::isnan(x.at(p)) && !std::isnan(x.at(at)))) at = p;
  });
  return at;
}
double mean_count(const Case& c, const Index& q) {
  std::int64_t n = 0;
  n += for_each_inside(c, q, [&](const Index&) { ++n; });
  return static_cast<double>(n);
}

TEST(MaxPool, EqualsTheOracle) {
  on_every_device([&] {
    for (const Case& c : cases)
      for (dtype type : float_types) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x) + " -> " + text_of(c.y));
        // Few values, so that windows have equal ones.
        const Ref x = random_integers(c.x, 330, 7), dy = rounded(random(c.y, 331), type), g = rounded(random(c.x, 332), type);
        EXPECT_TRUE(
            equal(core::max_pool(array(x, type), &c.window), generate(c.y, [&](const Index& q) { return x.at(greatest(c, x, q)); })));
        Ref dx = full(c.x, 0);
        for_each_index(c.y, [&](const Index& q) { dx.at(greatest(c, x, q)) += dy.at(q); });
        const double tol = tolerance(type);
        EXPECT_TRUE(close(core::max_pool_backward(array(x, type), array(dy, type), &c.window), dx, tol, tol));
        EXPECT_TRUE(equal(core::max_pool_take(array(x, type), array(g, type), &c.window),
                          generate(c.y, [&](const Index& q) { return g.at(greatest(c, x, q)); })));
      }
  });
}

TEST(AvgPool, EqualsTheOracle) {
  on_every_device([&] {
    for (const Case& c : cases)
      for (dtype type : float_types) {
        if (has_dilation(c)) continue;
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x) + " -> " + text_of(c.y));
        const Ref x = rounded(random(c.x, 333), type), dy = rounded(random(c.y, 334), type);
        const Ref mean = generate(c.y, [&](const Index& q) {
          double sum = 0;
          for_each_inside(c, q, [&](const Index& p) { sum += x.at(p); });
          return sum / mean_count(c, q);
        });
        Ref dx = full(c.x, 0);
        for_each_index(c.y,
                       [&](const Index& q) { for_each_inside(c, q, [&](const Index& p) { dx.at(p) += dy.at(q) / mean_count(c, q); }); });
        const double tol = tolerance(type);
        EXPECT_TRUE(close(core::avg_pool(array(x, type), &c.window), mean, tol, tol));
        EXPECT_TRUE(close(core::avg_pool_backward(array(dy, type), sizes(c.x), &c.window), dx, tol, tol));
      }
  });
}

// By axis, element i is the mean from floor(i n / to) to ceil((i + 1) n / to).
Ref adaptive(const Ref& x, const std::vector<std::int64_t>& to) {
  Index shape(x.shape.begin(), x.shape.end() - static_cast<std::ptrdiff_t>(to.size()));
  const std::size_t first = shape.size();
  shape.insert(shape.end(), to.begin(), to.end());
  return generate(shape, [&](const Index& q) {
    Index begin, lengths;
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::int64_t n = x.shape[first + i];
      begin.push_back(q[first + i] * n / to[i]);
      lengths.push_back(((q[first + i] + 1) * n + to[i] - 1) / to[i] - begin.back());
    }
    double sum = 0;
    for_each_index(lengths, [&](const Index& k) {
      Index p(q.begin(), q.begin() + static_cast<std::ptrdiff_t>(first));
      for (std::size_t i = 0; i < to.size(); ++i) p.push_back(begin[i] + k[i]);
      sum += x.at(p);
    });
    return sum / static_cast<double>(count(lengths));
  });
}

const struct {
  Index x;
  std::vector<std::int64_t> to;
} adaptives[] = {{{2, 3, 7}, {1}},
                 {{2, 3, 7}, {3}},
                 {{2, 3, 8, 6}, {2, 3}},
                 {{2, 3, 7, 5}, {1, 1}},
                 {{1, 2, 7, 5}, {3, 7}},
                 {{1, 2, 5, 4, 3}, {2, 4, 2}},
                 {{1, 2, 4, 4, 6}, {2, 4, 3}},
                 {{0, 2, 7, 5}, {3, 2}},
                 {{1, 2, 3, 9}, {3, 4}}};

TEST(AdaptiveAvgPool, EqualsTheOracle) {
  on_every_device([&] {
    for (const auto& c : adaptives)
      for (dtype type : float_types) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x) + " -> " + text_of(c.to));
        const Ref x = rounded(random(c.x, 335), type);
        const double tol = tolerance(type);
        EXPECT_TRUE(
            close(core::adaptive_avg_pool(array(x, type), c.to.data(), static_cast<unsigned>(c.to.size())), adaptive(x, c.to), tol, tol));
      }
  });
}

TEST(Pool, SpecialValues) {
  const Case& c = cases[3];
  on_every_device([&] {
    // Nothing but -inf: what is outside is not taken for it.
    const Ref low = full(c.x, -inf);
    EXPECT_TRUE(equal(core::max_pool(array(low, dtype::f32), &c.window), full(c.y, -inf)));
    Ref dx = full(c.x, 0);
    for_each_index(c.y, [&](const Index& q) { dx.at(greatest(c, low, q)) += 1; });
    EXPECT_TRUE(equal(core::max_pool_backward(array(low, dtype::f32), array(full(c.y, 1), dtype::f32), &c.window), dx));
    // NaN wins, the first one.
    Ref x = random_integers(c.x, 336, 5);
    x.at({0, 0, 0, 0}) = x.at({0, 1, 3, 3}) = x.at({0, 1, 3, 2}) = nan, x.at({0, 0, 6, 6}) = inf;
    const Ref want = generate(c.y, [&](const Index& q) { return x.at(greatest(c, x, q)); });
    EXPECT_TRUE(close(core::max_pool(array(x, dtype::f32), &c.window), want, 0, 0));
    Ref of_nan = full(c.x, 0);
    for_each_index(c.y, [&](const Index& q) { of_nan.at(greatest(c, x, q)) += 1; });
    EXPECT_TRUE(equal(core::max_pool_backward(array(x, dtype::f32), array(full(c.y, 1), dtype::f32), &c.window), of_nan));
    const Ref mean = ref(core::avg_pool(array(x, dtype::f32), &c.window));
    EXPECT_TRUE(std::isnan(mean.at({0, 0, 0, 0})));
    EXPECT_EQ(mean.at({0, 0, 3, 3}), inf);
  });
}

TEST(Pool, OfViews) {
  const Case& c = cases[3];
  const Ref x = random({7, 1, 7, 2}, 337), dy = random({4, 4, 2, 1}, 338);
  const unsigned turn[] = {1, 3, 2, 0}, about[] = {3, 2, 0, 1};
  const Ref rx = permute(x, {1, 3, 2, 0}), ry = permute(dy, {3, 2, 0, 1});
  on_every_device([&] {
    const Array vx = core::permute(array(x, dtype::f32), turn), vy = core::permute(array(dy, dtype::f32), about);
    EXPECT_TRUE(close(core::max_pool(vx, &c.window), generate(c.y, [&](const Index& q) { return rx.at(greatest(c, rx, q)); }), 1e-6, 0));
    Ref dx = full(c.x, 0);
    for_each_index(c.y, [&](const Index& q) { dx.at(greatest(c, rx, q)) += ry.at(q); });
    EXPECT_TRUE(close(core::max_pool_backward(vx, vy, &c.window), dx, 1e-6, 1e-6));
  });
}

TEST(Pool, Gradients) {
  for (std::size_t i : {1u, 3u, 5u}) {
    const Case& c = cases[i];
    SCOPED_TRACE(text_of(c.x));
    check_gradients([&](const auto& in) { return core::max_pool(in[0], &c.window); }, {random(c.x, 340)});
    if (!has_dilation(c)) check_gradients([&](const auto& in) { return core::avg_pool(in[0], &c.window); }, {random(c.x, 341)});
  }
  const std::int64_t to[] = {2, 3}, divides[] = {1, 2};
  for (const auto* t : {to, divides})
    check_gradients([&](const auto& in) { return core::adaptive_avg_pool(in[0], t, 2); }, {random({2, 1, 5, 4}, 342)});
}

TEST(Pool, TypedFunctionsComputeTheirSizes) {
  constexpr mu::Dim<"batch"> batch;
  const auto x = mu::randn<batch, 2, 5, 6>(batch = 2);
  const auto most = mu::max_pool<mu::PerAxis{2, 3}, 2, mu::PerAxis{0, 1}, 1, true>(x);
  static_assert(std::same_as<decltype(most), const mu::Tensor<float, batch, 2, 3, 4>>);
  EXPECT_TRUE(equal(most, generate(cases[5].y, [&](const Index& q) { return ref(x).at(greatest(cases[5], ref(x), q)); })));
  static_assert(std::same_as<decltype(mu::max_pool<2>(x)), mu::Tensor<float, batch, 2, 2, 3>>);
  const auto mean = mu::avg_pool<mu::PerAxis{2, 3}, 2, mu::PerAxis{0, 1}, true, false>(x);
  static_assert(std::same_as<decltype(mean), const mu::Tensor<float, batch, 2, 3, 4>>);
  EXPECT_TRUE(close(mean, ref(core::avg_pool(x.raw(), &cases[6].window)), 0, 0));
  static_assert(std::same_as<decltype(mu::adaptive_avg_pool<mu::PerAxis{2, 1}>(x)), mu::Tensor<float, batch, 2, 2, 1>>);
  EXPECT_TRUE(close(mu::adaptive_avg_pool<mu::PerAxis{2, 1}>(x), adaptive(ref(x), {2, 1}), 1e-6, 1e-6));
}

TEST(Pool, RefusesWhatDoesNotFit) {
  static constexpr PoolWindow window{{3, 3}, {1, 1}, {1, 1}, {0, 0}, false, false};
  const Array small = array(random({1, 1, 2, 4}, 343), dtype::f32), x = array(random({1, 1, 4, 4}, 344), dtype::f32);
  EXPECT_TRUE(throws<ShapeError>([&] { core::max_pool(small, &window); },
                                 "[max_pool] the window is greater than x with its padding: x is (1, 1, 2, 4), the window is 3 in axis 2"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::avg_pool(core::reshape(x, {4, 4}), &window);
      },
      "[avg_pool] needs a batch, channels and 1 to 3 axes more: (4, 4)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::max_pool_backward(x, x, &window); },
                                 "[max_pool_backward] the windows over (1, 1, 4, 4) make (1, 1, 2, 2), not (1, 1, 4, 4)"));
  EXPECT_TRUE(
      throws<ShapeError>([&] { core::max_pool_take(x, small, &window); }, "[max_pool_take] sizes differ: (1, 1, 4, 4) and (1, 1, 2, 4)"));
  static constexpr std::int64_t one[] = {1, 1};
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::adaptive_avg_pool(core::reshape(x, {4, 4}), one, 2);
      },
      "[adaptive_avg_pool] needs more than 2 axes: (4, 4)"));
  EXPECT_TRUE(throws<Error>([&] { core::max_pool(core::cast(x, dtype::i64), &window); }, "[max_pool] needs a float type: int64"));
}

}  // namespace
}  // namespace mushin::test
