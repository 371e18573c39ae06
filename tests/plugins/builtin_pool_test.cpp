// Pooling against plain loops in double: random shapes, strides and element types, ties and NaN, threads.
#include <algorithm>
#include <cmath>
#include <limits>

#include "builtin.h"
#include "elements.hpp"

namespace backend_test {
namespace {

struct Shape {
  Sizes x, y;
  mu_op_pool op{};
};

std::string text_of(const Shape& s) {
  std::string t = "kind " + std::to_string(s.op.kind) + " flags " + std::to_string(s.op.flags);
  for (std::size_t i = 0; i < s.x.size(); ++i) t += " " + std::to_string(s.x[i]) + "->" + std::to_string(s.y[i]);
  for (int i = 0; i < 3; ++i)
    t += " (" + std::to_string(s.op.window[i]) + " by " + std::to_string(s.op.stride[i]) + "/" + std::to_string(s.op.dilation[i]) +
         " before " + std::to_string(s.op.before[i]) + " after " + std::to_string(s.op.after[i]) + ")";
  return t;
}

// What the windows of one plane see: the places inside of x in row-major order, and what their mean divides by.
struct Window {
  std::vector<std::size_t> inside;
  double count = 0;
};
std::vector<Window> windows_of(const Shape& s) {
  const std::size_t axes = s.x.size() - 2;
  const Sizes positions(s.y.begin() + 2, s.y.end()), taps(s.op.window, s.op.window + axes);
  std::vector<Window> all(static_cast<std::size_t>(count(positions)));
  for (std::int64_t p = 0; p < count(positions); ++p)
    for (std::int64_t k = 0; k < count(taps); ++k) {
      std::int64_t at = 0, step = 1, rest_p = p, rest_k = k;
      bool inside = true, padded = true;
      for (std::size_t i = axes; i-- > 0;) {
        const std::int64_t q = rest_p % positions[i] * s.op.stride[i] + rest_k % taps[i] * s.op.dilation[i] - s.op.before[i],
                           n = s.x[i + 2];
        rest_p /= positions[i], rest_k /= taps[i];
        inside = inside && q >= 0 && q < n, padded = padded && q < n + s.op.after[i];
        at += q * step, step *= n;
      }
      Window& w = all[static_cast<std::size_t>(p)];
      if (inside) w.inside.push_back(static_cast<std::size_t>(at));
      w.count += (s.op.flags & MU_POOL_COUNT_PADDING) ? padded : inside;
    }
  return all;
}

class Pool : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{67};

  Elements made(mu_dtype t, const Sizes& dims, bool dense) { return {t, dims, dense ? dense_strides(dims) : any_strides(random, dims)}; }
  // Small whole numbers: equal ones in many a window, and sums that every type has. Now and then NaN and -inf.
  Elements numbers(mu_dtype t, const Sizes& dims, bool dense, bool special) {
    Elements e = made(t, dims, dense);
    for (std::size_t i = 0; i < e.at.size(); ++i) {
      const std::int64_t what = special ? random.below(30) : 9;
      e.set(i, what == 0 ? NAN : what < 4 ? -INFINITY : static_cast<double>(random.below(7) - 3));
    }
    return e;
  }
  mu_code run(const Shape& s, const std::vector<mu_tensor>& in, const Elements& out) { return backend.run(s.op, MU_OP_POOL, in, {out.v}); }

  std::vector<double> expected(const Shape& s, const std::vector<double>& x, const std::vector<double>& dy) const {
    const std::vector<Window> windows = windows_of(s);
    const auto inputs = static_cast<std::size_t>(count(Sizes(s.x.begin() + 2, s.x.end())));
    const auto planes = static_cast<std::size_t>(s.x[0] * s.x[1]);
    const bool forward = s.op.kind == MU_POOL_MAX || s.op.kind == MU_POOL_MEAN;
    std::vector<double> out(planes * (forward ? windows.size() : inputs));
    for (std::size_t plane = 0; plane < planes; ++plane)
      for (std::size_t p = 0; p < windows.size(); ++p) {
        const Window& w = windows[p];
        const std::size_t first = plane * inputs, at = plane * windows.size() + p;
        std::size_t best = w.inside.empty() ? 0 : w.inside[0];
        double sum = 0;
        for (std::size_t i : w.inside) {
          const double v = x[first + i], top = x[first + best];
          if (!std::isnan(top) && (std::isnan(v) || v > top)) best = i;
          sum += v;
          if (s.op.kind == MU_POOL_MEAN_BACKWARD) out[first + i] += dy[at] / w.count;
        }
        if (s.op.kind == MU_POOL_MAX) out[at] = x[first + best];
        if (s.op.kind == MU_POOL_MAX_BACKWARD) out[first + best] += dy[at];
        if (s.op.kind == MU_POOL_MEAN) out[at] = sum / w.count;
      }
    return out;
  }

  // All four kinds of a shape, with one and with two threads.
  void check(Shape s, mu_dtype t, bool dense) {
    const double unit = t == MU_F64 ? 0x1p-50 : t == MU_F32 ? 0x1p-21 : t == MU_F16 ? 0x1p-10 : 0x1p-7;
    for (std::uint32_t kind = 0; kind < 4; ++kind) {
      s.op.kind = kind;
      s.op.flags = kind >= MU_POOL_MEAN && random.below(2) ? MU_POOL_COUNT_PADDING : 0;
      if (kind >= MU_POOL_MEAN)
        for (std::uint32_t& d : s.op.dilation) d = std::min(d, 1u);
      const bool forward = kind == MU_POOL_MAX || kind == MU_POOL_MEAN, greatest = kind < MU_POOL_MEAN;
      const Elements x = numbers(t, s.x, dense, greatest), dy = numbers(t, s.y, dense, false);
      const std::vector<mu_tensor> in = forward ? std::vector{x.v} : greatest ? std::vector{x.v, dy.v} : std::vector{dy.v};
      const Elements one = made(t, forward ? s.y : s.x, dense), two = one;
      ASSERT_EQ(run(s, in, one), MU_OK) << backend.message() << text_of(s);
      set_host_threads(2);
      ASSERT_EQ(run(s, in, two), MU_OK) << backend.message() << text_of(s);
      set_host_threads(1);
      ASSERT_EQ(one.memory, two.memory) << text_of(s);
      const std::vector<double> exact = expected(s, x.all(), dy.all()), got = one.all();
      for (std::size_t i = 0; i < exact.size(); ++i) {
        if (std::isnan(exact[i]) || std::isinf(exact[i]) || greatest)
          ASSERT_TRUE(got[i] == exact[i] || (std::isnan(got[i]) && std::isnan(exact[i])))
              << text_of(s) << " element " << i << ": " << got[i] << ", not " << exact[i];
        else
          ASSERT_NEAR(got[i], exact[i], unit * (3 + std::abs(exact[i]))) << text_of(s) << " element " << i;
      }
      ASSERT_TRUE(one.rest_untouched()) << text_of(s) << ": wrote outside of its view";
    }
  }

  // Sizes along an axis such that each window has something inside.
  bool set_axis(Shape& s, std::size_t i, std::int64_t n, std::int64_t window, std::int64_t stride, std::int64_t dilation,
                std::int64_t before, std::int64_t after) {
    const std::int64_t room = n + before + after - (window - 1) * dilation - 1;
    const auto number = [](std::int64_t k) { return static_cast<std::uint32_t>(k); };
    s.x.push_back(n), s.y.push_back(room < 0 ? 0 : room / stride + 1);
    s.op.window[i] = number(window), s.op.stride[i] = number(stride), s.op.dilation[i] = number(dilation);
    s.op.before[i] = number(before), s.op.after[i] = number(after);
    for (std::int64_t p = 0; p < s.y.back(); ++p) {
      bool any = false;
      for (std::int64_t k = 0; k < window; ++k)
        any = any || (p * stride + k * dilation >= before && p * stride + k * dilation < n + before);
      if (!any) return false;
    }
    return true;
  }
  // The same numbers for all axes.
  Shape shape_of(const Sizes& x, std::int64_t window, std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    Shape s{{x[0], x[1]}, {x[0], x[1]}, {}};
    for (std::size_t i = 2; i < x.size(); ++i) EXPECT_TRUE(set_axis(s, i - 2, x[i], window, stride, dilation, pad, pad));
    return s;
  }
};

TEST_F(Pool, RandomShapes) {
  const mu_dtype types[] = {MU_F32, MU_F64, MU_F32, MU_F16, MU_F32, MU_BF16};
  const auto size = [&](std::int64_t small, std::int64_t large) { return 1 + random.below(random.below(4) == 0 ? large : small); };
  for (int done = 0; done < 300;) {
    const std::int64_t batch = random.below(30) ? size(3, 6) : 0, channels = size(3, 8);
    Shape s{{batch, channels}, {batch, channels}, {}};
    const std::size_t axes = 1 + static_cast<std::size_t>(random.below(3));
    bool good = true;
    for (std::size_t i = 0; good && i < axes; ++i)
      good = set_axis(s, i,
                      size(9, axes == 1   ? 200
                              : axes == 2 ? 45
                                          : 12),
                      size(3, 6), size(2, 4), size(1, 3), random.below(3), random.below(3));
    if (!good) continue;
    check(s, types[done % 6], random.below(3) > 0);
    if (HasFatalFailure()) return;
    ++done;
  }
}

TEST_F(Pool, CommonShapes) {
  const Shape shapes[] = {shape_of({3, 5, 28, 28}, 2, 2, 1, 0), shape_of({2, 3, 65, 66}, 3, 2, 1, 1),  shape_of({2, 3, 35, 67}, 3, 1, 1, 1),
                          shape_of({2, 40, 7, 7}, 7, 7, 1, 0),  shape_of({2, 3, 4, 4, 4}, 4, 1, 1, 0), shape_of({1, 9, 500}, 40, 20, 1, 10),
                          shape_of({2, 2, 33, 70}, 2, 2, 2, 0), shape_of({2, 3, 15, 71}, 2, 2, 1, 0)};
  for (const Shape& s : shapes)
    for (mu_dtype t : {MU_F32, MU_F64, MU_BF16}) {
      check(s, t, true);
      if (HasFatalFailure()) return;
    }
}

TEST_F(Pool, EmptyExtents) {
  for (const Sizes& x : {Sizes{0, 3, 6, 6}, Sizes{2, 0, 6, 6}, Sizes{2, 3, 1, 6}}) {
    check(shape_of(x, 2, 2, 1, 0), MU_F32, true);
    if (HasFatalFailure()) return;
  }
}

TEST_F(Pool, RefusesWhatDoesNotFit) {
  const auto refused = [&](const Shape& s, const std::string& sentence, mu_code code = MU_INVALID) {
    const Elements x = numbers(MU_F32, s.x, true, false), y = numbers(MU_F32, s.y, true, false);
    EXPECT_EQ(run(s, {x.v}, y), code) << sentence;
    EXPECT_NE(backend.message().find(sentence), std::string::npos) << backend.message() << ", not " << sentence;
  };
  const Shape good = shape_of({2, 3, 6, 6}, 2, 2, 1, 0);
  Shape s = good;
  s.y[1] = 2, refused(s, "batch and channels differ: (2, 3, 6, 6) to (2, 2, 3, 3)");
  s = good, s.op.window[1] = 0, refused(s, "axis 1 has 0, 2 and 1");
  s = good, s.op.before[2] = 1, refused(s, "numbers for axis 2 of 2");
  s = good, s.op.kind = 4, refused(s, "kind 4 is not known", MU_UNSUPPORTED);
  s = good, s.op.flags = 2, refused(s, "flags 2", MU_UNSUPPORTED);
  s = good, s.op.kind = MU_POOL_MAX_BACKWARD, refused(s, "the gradient of the greatest two");
  s = good, s.op.kind = MU_POOL_MEAN, s.op.dilation[0] = 2, refused(s, "means have dilation 1: axis 0 has 2");
  s = good, s.y[3] = 4, refused(s, "window 3 of 4 has nothing inside of x");
  s = good, s.op.before[0] = 2, refused(s, "window 0 of 3 has nothing inside of x");
  refused({{2, 3}, {2, 3}, {}}, "one rank, 3 to 5");
  const Elements x = numbers(MU_F32, good.x, true, false), y = numbers(MU_F64, good.y, true, false);
  EXPECT_EQ(run(good, {x.v}, y), MU_INVALID) << "two element types";
}

}  // namespace
}  // namespace backend_test
