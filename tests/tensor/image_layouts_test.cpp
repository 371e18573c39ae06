// What lies in layouts that onednn chooses: results of convolutions, and what is made of them, against builtin's rows.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "core/node.hpp"
#include "mushin/tensor/capture.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/conv.hpp"
#include "mushin/tensor/ops/normalize.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/pool.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::test {
namespace {

constexpr ConvWindow same{{1, 1}, {1, 1}, {1, 1}}, halving{{2, 2}, {1, 1}, {1, 1}}, pixel{{1, 1}, {1, 1}, {0, 0}},
    every_second{{2, 2}, {1, 1}, {0, 0}};
constexpr PoolWindow halves{{2, 2}, {2, 2}, {1, 1}, {}, false, false}, overlapping{{3, 3}, {2, 2}, {1, 1}, {1, 1}, false, false};

bool opaque(const Array& a) {
  evaluate(a);
  return is_opaque(node_of(a));
}

Array random(const Sizes& sizes, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> v(static_cast<std::size_t>(sizes.count()));
  for (float& x : v) x = uniform(engine);
  return from_values(sizes, dtype::f32, v.data());
}

std::vector<float> values(const Array& a) {
  std::vector<float> v(static_cast<std::size_t>(a.sizes().count()));
  read_all(a, v.data());
  return v;
}

Sizes conv_to(const Array& x, const Array& w, const ConvWindow& window) { return conv_sizes(x.sizes(), w.sizes(), window, 1); }
Array conv_of(const Array& x, const Array& w, const ConvWindow& window, const Array& bias = {}) {
  return conv(ConvKind::forward, x, w, bias, conv_to(x, w, window), &window, 1);
}

class ImageLayouts : public testing::Test {
 protected:
  void SetUp() override {
    try {
      set_default_device("onednn");
    } catch (const DeviceError&) {
      GTEST_SKIP() << "there is no onednn";
    }
    if (!opaque(conv_of(random({2, 16, 12, 12}, 1), random({16, 16, 3, 3}, 2), same))) GTEST_SKIP() << "no layouts for this CPU";
  }
  void TearDown() override { set_default_device("builtin"); }

  // f(whether layouts are to be looked at) on onednn and on builtin: as many arrays, of near values.
  template <class F>
  void expect_as_builtin(const F& f, double tolerance = 2e-4) {
    set_default_device("onednn");
    std::vector<std::vector<float>> made;
    for (const Array& a : f(true)) made.push_back(values(a));
    set_default_device("builtin");
    const std::vector<Array> wanted = f(false);
    ASSERT_EQ(made.size(), wanted.size());
    for (std::size_t k = 0; k < made.size(); ++k) {
      const std::vector<float> right = values(wanted[k]);
      ASSERT_EQ(made[k].size(), right.size()) << k;
      for (std::size_t i = 0; i < right.size(); ++i)
        ASSERT_NEAR(made[k][i], right[i], tolerance * (1 + std::abs(right[i]))) << "result " << k << ", element " << i;
    }
    set_default_device("onednn");
  }
};

TEST_F(ImageLayouts, CarryAForwardAndABackwardPassThroughABlock) {
  for (const std::int64_t images : {1, 5})
    expect_as_builtin([&](bool laid) {
      const Array x = random({images, 16, 14, 12}, 1), w1 = random({32, 16, 3, 3}, 2), w2 = random({32, 32, 3, 3}, 3),
                  w3 = random({32, 16, 1, 1}, 4);
      const Array gain = random({32}, 5), bias = random({32}, 6);
      const Array a = conv_of(x, w1, halving, bias), skip = conv_of(x, w3, every_second);
      ChannelStatistics s;
      const Array normal = batch_norm(a, gain, bias, 1e-5, &s), active = relu(normal), b = conv_of(active, w2, same),
                  y = relu(add(b, skip));
      if (laid) {
        for (const Array& v : {a, normal, active, b, y}) EXPECT_TRUE(opaque(v));
      }
      const Array g = random(y.sizes(), 7), dy = step(y, g);
      const Array d_active = conv(ConvKind::data, dy, w2, {}, active.sizes(), &same, 1),
                  d_w2 = conv(ConvKind::weights, active, dy, {}, w2.sizes(), &same, 1);
      const Array d_normal = step(active, d_active);
      const NormGradients d = batch_norm_backward(a, gain, d_normal, s, 1e-5);
      const Array dx = conv(ConvKind::data, d.x, w1, {}, x.sizes(), &halving, 1),
                  d_w1 = conv(ConvKind::weights, x, d.x, {}, w1.sizes(), &halving, 1);
      if (laid) {
        for (const Array& v : {dy, d_active, d_normal, d.x, dx}) EXPECT_TRUE(opaque(v));
        EXPECT_FALSE(opaque(d_w2) || opaque(d_w1));
      }
      return std::vector{y, d_active, d_w2, d.x, d.gain, d.bias, dx, d_w1, s.mean, s.variance};
    });
}

TEST_F(ImageLayouts, GoThroughPooling) {
  for (const PoolWindow* window : {&halves, &overlapping})
    expect_as_builtin([&](bool laid) {
      const Array x = conv_of(random({3, 16, 15, 13}, 1), random({48, 16, 3, 3}, 2), same);
      const Array greatest = max_pool(x, window), mean = avg_pool(x, window), dy = conv_of(greatest, random({48, 48, 1, 1}, 3), pixel);
      const Array back = max_pool_backward(x, dy, window), spread = avg_pool_backward(dy, x.sizes(), window);
      if (laid) {
        for (const Array& v : {x, greatest, mean, dy, back, spread}) EXPECT_TRUE(opaque(v));
      }
      const Array mixed = max_pool_backward(x, random(dy.sizes(), 4), window);  // dy is rows
      return std::vector{greatest, mean, back, spread, mixed};
    });
}

TEST_F(ImageLayouts, TheGreatestKeepsNanAndTheFirstOfEquals) {
  const auto zeros = [] { return mul(conv_of(random({2, 16, 40, 40}, 1), random({16, 16, 3, 3}, 2), same), literal(0, dtype::f32)); };
  expect_as_builtin([&](bool) { return std::vector{max_pool_backward(zeros(), random({2, 16, 20, 20}, 3), &halves)}; });
  const Array nans = div(zeros(), literal(0, dtype::f32));
  ASSERT_TRUE(opaque(nans));
  for (const float v : values(max_pool(nans, &halves))) ASSERT_TRUE(std::isnan(v));
}

TEST_F(ImageLayouts, BecomeRowsWhereOthersReadThem) {
  expect_as_builtin([&](bool laid) {
    const Array x = conv_of(random({3, 16, 12, 12}, 1), random({32, 16, 3, 3}, 2), same), y = relu(x);
    const Array along = random({32, 1, 1}, 3);
    const Array shifted = add(y, along), total = sum(x, 1 | 4 | 8, false), flat = reshape(y, {3, 32 * 144});
    EXPECT_FALSE(opaque(shifted) || opaque(flat));
    const Array beside = random(x.sizes(), 4),
                both = add(conv_of(beside, random({32, 32, 3, 3}, 5), same), beside);  // rows come to the blocks
    EXPECT_EQ(opaque(both), laid);
    const unsigned order[] = {1, 0, 3, 2};
    return std::vector{shifted, total, flat, both, permute(both, order), conv_of(permute(both, order), random({16, 3, 3, 3}, 6), same)};
  });
}

TEST_F(ImageLayouts, HaveOneAndThreeAxes) {
  static constexpr ConvWindow line{{1}, {1}, {1}}, cube{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
  static constexpr PoolWindow lines{{2}, {2}, {1}, {}, false, false}, cubes{{2, 2, 2}, {2, 2, 2}, {1, 1, 1}, {}, false, false};
  expect_as_builtin([&](bool) {
    const Array x = conv_of(random({4, 16, 90}, 1), random({16, 16, 3}, 2), line),
                z = conv_of(random({2, 16, 8, 6, 7}, 3), random({16, 16, 3, 3, 3}, 4), cube);
    return std::vector{x,
                       z,
                       max_pool(relu(x), &lines),
                       max_pool(z, &cubes),
                       avg_pool(z, &cubes),
                       batch_norm(x, random({16}, 5), random({16}, 6), 1e-5),
                       batch_norm(z, random({16}, 5), random({16}, 6), 1e-5)};
  });
}

TEST_F(ImageLayouts, ABiasIsAddedInEachPartOfTheChannels) {
  expect_as_builtin([](bool laid) {
    const Array x = random({1, 64, 24, 24}, 1), w = random({64, 64, 3, 3}, 2);  // one image, which threads share by its channels
    const Array y = conv_of(x, w, same, random({64}, 3));
    if (laid) {
      EXPECT_TRUE(opaque(y));
    }
    return std::vector{y};
  });
}

TEST_F(ImageLayouts, AreReadByCapturedFunctions) {
  using Images = Tensor<float, 2, 16, 12, 12>;
  const Array w = random({16, 16, 3, 3}, 2), kept = conv_of(random({2, 16, 12, 12}, 1), w, same), given = relu(kept);
  ASSERT_TRUE(opaque(kept) && opaque(given));
  const auto f = [&](const auto& x) { return Images{conv_of(add(x.raw(), kept), w, same)}; };
  auto step = capture(f, Images{given});
  const Array next = conv_of(random({2, 16, 12, 12}, 3), w, same);
  ASSERT_TRUE(opaque(next));
  for (const Array& x : {given, next}) {
    const std::vector<float> replayed = values(step(Images{x}).raw());
    EXPECT_EQ(replayed, values(conv_of(add(x, kept), w, same)));
  }
}

TEST_F(ImageLayouts, MayBecomeRowsWhileAnotherThreadComputesWithThem) {
  const Array w = random({16, 16, 3, 3}, 2), x = random({4, 16, 16, 16}, 1);
  for (int round = 0; round < 20; ++round) {
    const Array a = conv_of(x, w, same);
    ASSERT_TRUE(opaque(a));
    std::vector<float> read;
    std::thread reader([&] { read = values(a); });
    const Array b = conv_of(a, w, same), c = max_pool(a, &halves), d = relu(a);
    evaluate(d);
    reader.join();
    const std::vector<float> again = values(a), active = values(d);
    ASSERT_EQ(read, again);
    for (std::size_t i = 0; i < active.size(); ++i) ASSERT_EQ(active[i], std::max(again[i], 0.f));
    ASSERT_EQ(values(b), values(conv_of(a, w, same))) << "of rows, now";
  }
}

}  // namespace
}  // namespace mushin::core::test
