// What a device without an optional op computes in its place, against the op.
#include "ops/decomposed.hpp"

#include <limits>

#include "check.hpp"
#include "mushin/tensor/core/normalized.hpp"
#include "mushin/tensor/ops/normalize.hpp"
#include "mushin/tensor/ops/scan.hpp"

namespace mushin::test {
namespace {

using core::Array;

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
                      {{20, 130}, 1},
                      {{130, 4}, 0},
                      {{0, 3}, 1},
                      {{3, 0}, 1},
                      {{5, 1}, 1},
                      {{2, 300, 2}, 1},
                      {{513}, 0},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 7}};

TEST(Decomposed, SortEqualsTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::i64, dtype::b8})
      for (const Case& c : cases)
        for (bool descending : {false, true}) {
          SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.shape) + " axis " + std::to_string(c.axis));
          const Array x = array(random_integers(c.shape, 160, type == dtype::b8 ? 2 : 20), type);
          const std::int64_t n = c.shape[c.axis];
          for (std::int64_t k : {n, n / 2}) {
            const core::Sorted got = core::decomposed_sort(x, c.axis, k, descending), want = core::sorted(x, c.axis, k, descending);
            EXPECT_EQ(got.indices.type(), dtype::i64);
            EXPECT_EQ(got.values.type(), type);
            EXPECT_TRUE(equal(got.values, ref(want.values)));
            EXPECT_TRUE(equal(got.indices, ref(want.indices)));
          }
        }
  });
}

TEST(Decomposed, SortOfSpecialValues) {
  on_every_device([&] {
    const Array x = array(Ref{{9}, {0.0, nan, -inf, 1, -0.0, inf, -nan, -1, 0.0}}, dtype::f32);
    for (bool descending : {false, true}) {
      const core::Sorted got = core::decomposed_sort(x, 0, 9, descending), want = core::sorted(x, 0, 9, descending);
      EXPECT_TRUE(equal(got.values, ref(want.values)));
      EXPECT_TRUE(equal(got.indices, ref(want.indices)));
    }
  });
}

TEST(Decomposed, ScanEqualsTheOp) {
  on_every_device([&] {
    for (const Case& c : cases)
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(text_of(c.shape) + " axis " + std::to_string(c.axis) + " reverse " + std::to_string(reverse));
        const Array whole = array(random_integers(c.shape, 161, 100), dtype::i64), x = array(random(c.shape, 162, 0.5, 1.5), dtype::f64);
        const Ref want = ref(core::cumsum(whole, c.axis, reverse));
        EXPECT_TRUE(equal(core::decomposed_scan(whole, c.axis, core::Scan::sum, reverse), want));
        EXPECT_TRUE(close(core::decomposed_scan(x, c.axis, core::Scan::sum, reverse), ref(core::cumsum(x, c.axis, reverse)), 1e-13, 0));
        if (reverse) continue;
        EXPECT_TRUE(close(core::decomposed_scan(x, c.axis, core::Scan::product, false), ref(core::cumprod(x, c.axis)), 1e-12, 0));
      }
  });
}

TEST(Decomposed, ScanOfSpecialValues) {
  on_every_device([&] {
    const Array x = array(Ref{{6}, {-0.0, inf, 2, -inf, 3, 0}}, dtype::f32);
    const Ref got = ref(core::decomposed_scan(x, 0, core::Scan::sum, false));
    EXPECT_TRUE(close(got, ref(core::cumsum(x, 0, false)), 0, 0));
    EXPECT_TRUE(std::signbit(got.values[0]));
    EXPECT_TRUE(equal(core::decomposed_scan(x, 0, core::Scan::product, false), ref(core::cumprod(x, 0))));
  });
}

// Of a batch of two and four channels, with a kernel (stride, dilation, padding) along each axis.
struct Spatial {
  Index x, w;
  core::ConvWindow window;
  std::int64_t groups;
};
const Spatial spatials[] = {{{2, 4, 9}, {6, 4, 3}, {{2}, {2}, {1}}, 1},
                            {{2, 4, 8, 7}, {6, 4, 3, 3}, {{1, 1}, {1, 1}, {1, 1}}, 1},
                            {{2, 4, 8, 7}, {6, 2, 1, 1}, {{2, 1}, {1, 1}, {0, 0}}, 2},
                            {{3, 4, 6, 9}, {4, 1, 2, 3}, {{1, 2}, {2, 1}, {1, 0}}, 4},
                            {{2, 4, 5, 4, 6}, {2, 2, 3, 2, 2}, {{1, 1, 2}, {1, 2, 1}, {1, 1, 0}}, 2},
                            {{3, 16, 14, 14}, {32, 16, 3, 3}, {{1, 1}, {1, 1}, {1, 1}}, 1}};
core::Sizes sizes(const Index& of) {
  core::Sizes s;
  for (auto n : of) s.push(n);
  return s;
}

TEST(Decomposed, ConvolutionsEqualTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const Spatial& c : spatials) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x) + " " + text_of(c.w));
        const core::Sizes of_x = sizes(c.x), of_w = sizes(c.w), of_y = core::conv_sizes(of_x, of_w, c.window, c.groups);
        const Array x = array(random(c.x, 170), type), w = array(random(c.w, 171), type), dy = array(random(sizes_of(of_y), 172), type);
        const auto check = [&](core::ConvKind kind, const Array& a, const Array& b, const core::Sizes& to) {
          const double tol = tolerance(type, 16);
          EXPECT_TRUE(close(core::decomposed_conv(kind, a, b, to, c.window, c.groups),
                            ref(core::conv(kind, a, b, {}, to, &c.window, c.groups)), tol, 8 * tol));
        };
        check(core::ConvKind::forward, x, w, of_y);
        check(core::ConvKind::data, dy, w, of_x);
        check(core::ConvKind::weights, x, dy, of_w);
      }
  });
}

const struct {
  Index x;
  core::PoolWindow window;
} pools[] = {{{2, 3, 9}, {{3}, {2}, {1}, {1}, true, true}},
             {{2, 3, 8, 8}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, false, false}},
             {{2, 3, 9, 7}, {{3, 2}, {2, 1}, {1, 1}, {1, 1}, false, false}},
             {{2, 2, 5, 4, 6}, {{2, 2, 3}, {2, 2, 2}, {1, 1, 1}, {1, 0, 1}, true, false}}};

TEST(Decomposed, PoolsEqualTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const auto& c : pools) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x));
        const Array x = array(random_integers(c.x, 173, 9), type);
        const core::Sizes of_y = core::pool_sizes("pool", x.sizes(), c.window);
        const Array dy = array(random_integers(sizes_of(of_y), 174, 99), type);
        EXPECT_TRUE(equal(core::decomposed_max_pool(x, of_y, c.window), ref(core::max_pool(x, &c.window))));
        EXPECT_TRUE(equal(core::decomposed_max_pool_backward(x, dy, c.window), ref(core::max_pool_backward(x, dy, &c.window))));
        const double tol = tolerance(type);
        EXPECT_TRUE(close(core::decomposed_avg_pool(x, of_y, c.window), ref(core::avg_pool(x, &c.window)), tol, tol));
        EXPECT_TRUE(close(core::decomposed_avg_pool_backward(dy, x.sizes(), c.window),
                          ref(core::avg_pool_backward(dy, x.sizes(), &c.window)), tol, tol));
      }
  });
}

void expect_gradients(const core::compositions::Gradients<Array>& got, const core::NormGradients& want) {
  EXPECT_TRUE(close(got.x, ref(want.x), 1e-12, 1e-12));
  EXPECT_TRUE(close(got.gain, ref(want.gain), 1e-12, 1e-12));
  EXPECT_TRUE(!want.bias || close(got.bias, ref(want.bias), 1e-12, 1e-12));
}

TEST(Decomposed, NormalizeEqualsTheOp) {
  on_every_device([&] {
    for (const Index& shape : {Index{3, 5}, Index{1, 7}, Index{40, 70}}) {
      SCOPED_TRACE(text_of(shape));
      const auto numbers = [](const Index& of, std::uint64_t seed) { return array(random(of, seed, -2, 3), dtype::f64); };
      const Array x = numbers(shape, 170), dy = numbers(shape, 171), gain = numbers({shape[1]}, 172), bias = numbers({shape[1]}, 173);
      const double eps = 1e-3;
      EXPECT_TRUE(close(core::compositions::layer_norm(x, gain, bias, eps), ref(core::layer_norm(x, gain, bias, eps)), 1e-12, 1e-12));
      expect_gradients(core::compositions::layer_norm_backward(x, gain, dy, eps), core::layer_norm_backward(x, gain, dy, eps));
      EXPECT_TRUE(close(core::compositions::rms_norm(x, gain, eps), ref(core::rms_norm(x, gain, eps)), 1e-12, 1e-12));
      expect_gradients(core::compositions::rms_norm_backward(x, gain, dy, eps), core::rms_norm_backward(x, gain, dy, eps));

      const Array deep = numbers({3, shape[1], shape[0]}, 174), back = numbers({3, shape[1], shape[0]}, 175);
      core::ChannelStatistics want;
      const Ref y = ref(core::batch_norm(deep, gain, bias, eps, &want));
      const auto got = core::compositions::standardized_channels(deep, eps);
      EXPECT_TRUE(close(core::compositions::batch_norm(got, gain, bias), y, 1e-12, 1e-12));
      EXPECT_TRUE(close(core::reshape(got.mean, {shape[1]}), ref(want.mean), 1e-12, 1e-12));
      EXPECT_TRUE(close(core::reshape(got.variance, {shape[1]}), ref(want.variance), 1e-12, 1e-12));
      expect_gradients(core::compositions::batch_norm_backward(deep, gain, back, eps),
                       core::batch_norm_backward(deep, gain, back, want, eps));
    }
  });
}

}  // namespace
}  // namespace mushin::test
