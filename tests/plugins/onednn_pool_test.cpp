// Means of windows by the onednn plugin against the contract's, in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "onednn_support.hpp"

namespace {

using namespace onednn_test;
using driver::view;
using Sizes = std::vector<std::int64_t>;

struct Case {
  const char* name;
  std::int64_t images, channels;
  Sizes x, y;
  std::array<std::uint32_t, 3> window, stride, padding;
  bool counts_padding;
};

std::int64_t volume(const Sizes& s) { return std::accumulate(s.begin(), s.end(), std::int64_t{1}, std::multiplies<>()); }

/// Of (images, channels, sizes…): 'r' row-major, 'l' channels last.
struct Images {
  Sizes dim, stride;
  std::vector<float> memory;

  Images(const Case& c, const Sizes& sizes, char order, unsigned seed) : dim{c.images, c.channels} {
    dim.insert(dim.end(), sizes.begin(), sizes.end());
    stride = driver::row_major(dim);
    if (order == 'l') {
      stride[1] = 1;
      for (std::size_t i = dim.size(), step = static_cast<std::size_t>(c.channels); i-- > 2; step *= static_cast<std::size_t>(dim[i]))
        stride[i] = static_cast<std::int64_t>(step);
    }
    memory = random_values(static_cast<std::size_t>(volume(dim)), seed);
  }
  mu_tensor tensor() const { return view(memory.data(), MU_F32, dim, stride); }
  /// Of the element `at` (behind the channels) of channel `c` of an image.
  std::size_t place(std::int64_t image, std::int64_t c, const Sizes& at) const {
    std::int64_t n = image * stride[0] + c * stride[1];
    for (std::size_t i = 0; i < at.size(); ++i) n += at[i] * stride[i + 2];
    return static_cast<std::size_t>(n);
  }
};

Sizes indices(std::int64_t n, const Sizes& sizes) {
  Sizes at(sizes.size());
  for (std::size_t i = sizes.size(); i-- > 0; n /= sizes[i]) at[i] = n % sizes[i];
  return at;
}

/// f(places in x of a window, what its sum is divided by) for each element of y behind the channels.
template <class F>
void each_window(const Case& c, const F& f) {
  const Sizes window(c.window.begin(), c.window.begin() + static_cast<std::ptrdiff_t>(c.x.size()));
  for (std::int64_t p = 0; p < volume(c.y); ++p) {
    const Sizes at = indices(p, c.y);
    std::vector<Sizes> inside;
    std::int64_t counted = 0;
    for (std::int64_t k = 0; k < volume(window); ++k) {
      Sizes from = indices(k, window);
      bool in_x = true, in_padding = true;
      for (std::size_t i = 0; i < from.size(); ++i) {
        from[i] += at[i] * c.stride[i] - c.padding[i];
        in_x = in_x && from[i] >= 0 && from[i] < c.x[i];
        in_padding = in_padding && from[i] < c.x[i] + c.padding[i];
      }
      if (in_x) inside.push_back(from);
      counted += in_x || (c.counts_padding && in_padding);
    }
    f(at, inside, static_cast<double>(counted));
  }
}

mu_op_pool pool_op(const Case& c, std::uint32_t kind) {
  mu_op_pool op{{sizeof op, MU_OP_POOL}, kind, c.counts_padding ? MU_POOL_COUNT_PADDING : 0, {}, {}, {}, {}, {}, 0};
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    op.window[i] = c.window[i], op.stride[i] = c.stride[i], op.dilation[i] = 1;
    op.before[i] = op.after[i] = c.padding[i];
  }
  return op;
}

class PoolTest : public testing::TestWithParam<std::tuple<Case, char, bool>> {};

TEST_P(PoolTest, EqualsTheDoubleOracle) {
  const Case& c = std::get<0>(GetParam());
  const char order = std::get<1>(GetParam());
  const bool backward = std::get<2>(GetParam());
  Images x(c, c.x, order, 1), y(c, c.y, order, 2);
  std::vector<double> wanted(backward ? x.memory.size() : y.memory.size());
  each_window(c, [&](const Sizes& at, const std::vector<Sizes>& inside, double count) {
    for (std::int64_t i = 0; i < c.images * c.channels; ++i) {
      const std::int64_t image = i / c.channels, channel = i % c.channels;
      const std::size_t to = y.place(image, channel, at);
      for (const Sizes& from : inside) {
        const std::size_t place = x.place(image, channel, from);
        if (backward)
          wanted[place] += static_cast<double>(y.memory[to]) / count;
        else
          wanted[to] += static_cast<double>(x.memory[place]) / count;
      }
    }
  });
  Images &from = backward ? y : x, &made = backward ? x : y;
  std::fill(made.memory.begin(), made.memory.end(), 4711.f);
  const auto op = pool_op(c, backward ? MU_POOL_MEAN_BACKWARD : MU_POOL_MEAN);
  std::string error;
  const mu_code code = driver::run(module(), op.h, {from.tensor()}, made.tensor(), &error);
  if (code == MU_UNSUPPORTED && order == 'r' && (c.x.size() == 1 || !__builtin_cpu_supports("avx512bw"))) {
    EXPECT_EQ(error, "[onednn pool] the builtin kernel is faster than oneDNN's for this");
    GTEST_SKIP() << "oneDNN has a kernel for row-major images of two and three axes with AVX-512 only";
  }
  ASSERT_EQ(code, MU_OK) << error;
  double worst = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double off = std::abs(static_cast<double>(made.memory[i]) - wanted[i]);
    worst = std::max(worst, std::isnan(off) ? 1e9 : off);
  }
  EXPECT_LT(worst, 2e-6);
}

const Case cases[] = {
    {"halves", 7, 16, {28, 28}, {14, 14}, {2, 2}, {2, 2}, {}, false},
    {"odd_channels", 5, 19, {15, 14}, {7, 7}, {2, 2}, {2, 2}, {}, false},
    {"padding_counts", 3, 32, {14, 15}, {7, 8}, {3, 3}, {2, 2}, {1, 1}, true},
    {"padding_does_not", 3, 32, {14, 15}, {7, 8}, {3, 3}, {2, 2}, {1, 1}, false},
    {"beyond_the_padding", 3, 32, {14, 15}, {8, 8}, {3, 3}, {2, 2}, {1, 1}, false},
    {"overlapping", 3, 32, {14, 15}, {12, 13}, {3, 3}, {1, 1}, {}, false},
    {"all", 33, 64, {7, 7}, {1, 1}, {7, 7}, {7, 7}, {}, false},
    {"elements_left_out", 6, 24, {14, 16}, {4, 5}, {3, 2}, {3, 3}, {}, false},
    {"large_images", 2, 64, {50, 48}, {25, 24}, {2, 2}, {2, 2}, {}, false},
    {"one_axis", 6, 24, {120}, {40}, {3}, {3}, {}, false},
    {"three_axes", 3, 16, {8, 10, 6}, {4, 5, 3}, {2, 2, 2}, {2, 2, 2}, {}, false},
};
INSTANTIATE_TEST_SUITE_P(Shapes, PoolTest, testing::Combine(testing::ValuesIn(cases), testing::Values('r', 'l'), testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + std::string(std::get<1>(test.param) == 'r' ? "_rows" : "_last") +
                                  (std::get<2>(test.param) ? "_backward" : "_forward");
                         });

TEST(Pool, RefusesWithAReason) {
  const Case c{"", 4, 16, {16, 16}, {8, 8}, {2, 2}, {2, 2}, {}, false};
  const Images images(c, c.x, 'l', 1), means(c, c.y, 'l', 2), rows(c, c.y, 'r', 2);
  const auto refused = [&](mu_code code, const char* sentence, auto change) {
    auto op = pool_op(c, MU_POOL_MEAN);
    auto x = images.tensor(), y = means.tensor();
    change(op, x, y);
    expect_refused(op.h, code, {x}, {y}, sentence);
  };
  refused(MU_OK, "", [](auto&, auto&, auto&) {});
  refused(MU_UNSUPPORTED, "[onednn pool] the builtin kernel is for strided images; oneDNN's greatest drops NaN",
          [](auto& op, auto&, auto&) { op.kind = MU_POOL_MAX; });
  refused(MU_UNSUPPORTED, "[onednn pool] images lie with gaps, or in two orders", [&](auto&, auto&, auto& y) { y = rows.tensor(); });
  refused(MU_UNSUPPORTED, "[onednn pool] images lie with gaps, or in two orders", [](auto&, auto& x, auto&) { x.stride[0] += 1; });
  refused(MU_INVALID, "[onednn pool] batch and channels differ", [](auto&, auto&, auto& y) { y.dim[1] = 8; });
  refused(MU_INVALID, "[onednn pool] batch and channels differ", [](auto&, auto&, auto& y) { y.dim[0] = 3; });
  refused(MU_UNSUPPORTED, "[onednn pool] windows reach beyond the padding that counts",
          [](auto& op, auto&, auto&) { op.flags = MU_POOL_COUNT_PADDING, op.window[0] = 4, op.before[0] = 1, op.after[0] = 0; });
  refused(MU_UNSUPPORTED, "[onednn pool] the flags are unknown", [](auto& op, auto&, auto&) { op.flags = 2; });
  refused(MU_UNSUPPORTED, "[onednn pool] the kind is unknown", [](auto& op, auto&, auto&) { op.kind = 4; });
  refused(MU_INVALID, "[onednn pool] the descriptor isn't one of this version", [](auto& op, auto&, auto&) { op.h.size = sizeof(mu_op); });
  refused(MU_INVALID, "[onednn pool] windows and strides are positive", [](auto& op, auto&, auto&) { op.stride[1] = 0; });
  refused(MU_INVALID, "[onednn pool] windows and strides are positive", [](auto& op, auto&, auto&) { op.window[1] = 0; });
  refused(MU_UNSUPPORTED, "[onednn pool] means have no dilation", [](auto& op, auto&, auto&) { op.dilation[0] = 2; });
  refused(MU_UNSUPPORTED, "[onednn pool] whole windows lie in the padding", [](auto& op, auto&, auto&) { op.before[1] = 2; });
  refused(MU_UNSUPPORTED, "[onednn pool] whole windows lie in the padding", [](auto& op, auto&, auto&) { op.stride[1] = 3; });
  refused(MU_UNSUPPORTED, "[onednn pool] the result leaves out whole windows", [](auto& op, auto&, auto&) { op.stride[1] = 1; });
  refused(MU_INVALID, "[onednn pool] all views have one rank, 3 to 5", [](auto&, auto&, auto& y) { y.rank = 3; });
  refused(MU_INVALID, "[onednn pool] all views have one rank, 3 to 5", [](auto&, auto& x, auto& y) { x.rank = y.rank = 2; });
  refused(MU_UNSUPPORTED, "[onednn pool] operands are f32", [](auto&, auto& x, auto&) { x.dtype = MU_BF16; });
  refused(MU_UNSUPPORTED, "[onednn pool] operands are f32", [](auto&, auto&, auto& y) { y.dtype = MU_BF16; });
  refused(MU_UNSUPPORTED, "[onednn pool] the builtin kernel is faster for operands this small",
          [](auto&, auto& x, auto& y) { x.dim[0] = y.dim[0] = 1; });
  const auto x = images.tensor(), y = means.tensor();
  constexpr std::uint32_t of_one_input[] = {MU_POOL_MEAN, MU_POOL_MEAN_BACKWARD, MU_POOL_MAX};
  for (const std::uint32_t kind : of_one_input) {
    const auto op = pool_op(c, kind);
    expect_refused(op.h, MU_INVALID, {x, x}, {y}, "[onednn pool] wrong number of operands");
    expect_refused(op.h, MU_INVALID, {x}, {y, y}, "[onednn pool] wrong number of operands");
  }
  const auto gradient = pool_op(c, MU_POOL_MAX_BACKWARD);
  expect_refused(gradient.h, MU_INVALID, {x}, {x}, "[onednn pool] wrong number of operands");
}

// In a process of its own, as oneDNN looks for the instruction sets once.
TEST(PoolDeathTest, WhereOneDnnHasReferenceCodeAloneTheBuiltinKernelIsFaster) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto plan_without_avx = [] {
    setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1);
    const Case c{"", 4, 16, {16, 16}, {8, 8}, {2, 2}, {2, 2}, {}, false};
    const Images x(c, c.x, 'r', 1), y(c, c.y, 'r', 2);
    bool both = true;
    for (const bool backward : {false, true}) {
      const auto op = pool_op(c, backward ? MU_POOL_MEAN_BACKWARD : MU_POOL_MEAN);
      std::string error;
      const mu_code code = driver::plan(module(), op.h, {(backward ? y : x).tensor()}, {(backward ? x : y).tensor()}, &error);
      both = both && code == MU_UNSUPPORTED && error == "[onednn pool] the builtin kernel is faster than oneDNN's for this";
      std::fprintf(stderr, "%s\n", error.c_str());
    }
    std::_Exit(both ? 0 : 1);
  };
  EXPECT_EXIT(plan_without_avx(), testing::ExitedWithCode(0), "");
}

}  // namespace
