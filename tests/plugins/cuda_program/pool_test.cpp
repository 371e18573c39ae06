// What the plugin's own kernels make of windows, one element at a time on the host, against the builtin backend.
#include "pool.hpp"

#include <cmath>
#include <utility>

#include "backend.hpp"
#include "builtin.h"
#include "elements.hpp"
#include "indexing.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

TEST(CudaDivisor, DividesAsDivisionsDo) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = 0; n < 300; ++n) numbers.push_back(n);
  for (int bit = 8; bit < 31; ++bit)
    for (const std::uint32_t near : {~0u, 0u, 1u}) numbers.push_back((1u << bit) + near);
  numbers.push_back(INT32_MAX), numbers.push_back(INT32_MAX - 1u);
  Random random{5};
  for (int i = 0; i < 1000; ++i) numbers.push_back(static_cast<std::uint32_t>(random.next()) >> (1 + random.below(31)));
  for (std::uint32_t by : numbers) {
    if (by == 0) by = 1u << 31;
    const Divisor d = divisor_of(by);
    for (const std::uint32_t n : numbers) ASSERT_EQ(quotient(n, d), n / by) << n << " by " << by;
    // Where quotients change.
    for (int i = 0; i < 200; ++i) {
      const std::uint32_t multiple = static_cast<std::uint32_t>(random.below(INT32_MAX)) / by * by;
      ASSERT_EQ(quotient(multiple, d), multiple / by) << multiple << " by " << by;
      if (multiple == 0) continue;
      ASSERT_EQ(quotient(multiple - 1, d), (multiple - 1) / by) << multiple - 1 << " by " << by;
    }
  }
}

struct Shape {
  Sizes x, y;
  mu_op_pool op{};
};

// Of a gradient of greatest values: as is, and both ways of it.
enum class Way { as_planned, looks, finds };

class CudaPool : public testing::Test {
 protected:
  // Sizes along an axis; false where a window has nothing inside. `up`: the last window may reach beyond the padding.
  bool add_axis(Shape& s, std::int64_t n, std::int64_t window, std::int64_t stride, std::int64_t dilation, std::int64_t before,
                std::int64_t after, bool up = false) {
    const std::size_t i = s.x.size() - 2;
    const auto number = [](std::int64_t k) { return static_cast<std::uint32_t>(k); };
    const std::int64_t room = n + before + after - (window - 1) * dilation - 1, more = up ? stride - 1 : 0;
    s.x.push_back(n), s.y.push_back(room < 0 ? 0 : (room + more) / stride + 1);
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
  Shape any_shape() {
    for (;;) {
      Shape s{{1 + random.below(3), 1 + random.below(3)}, {}, {}};
      s.y = s.x;
      const std::int64_t axes = 1 + random.below(3);
      bool good = true;
      for (std::int64_t i = 0; good && i < axes; ++i)
        good =
            add_axis(s,
                     1 + random.below(axes == 1   ? 60
                                      : axes == 2 ? 12
                                                  : 7),
                     1 + random.below(4), 1 + random.below(4), 1 + random.below(3), random.below(3), random.below(3), random.below(2) != 0);
      if (good) return s;
    }
  }

  // Few numbers, many of them equal; now and then NaN, infinities and zeros of both signs.
  Elements numbers(mu_dtype type, const Sizes& dims, bool special) {
    Elements e(type, dims, any_strides(random, dims));
    constexpr double rare[] = {NAN, -INFINITY, -INFINITY, INFINITY, -0.0, 0.0, -0.0, 0.0};
    for (std::size_t i = 0; i < e.at.size(); ++i) {
      const std::int64_t what = special ? random.below(30) : 30;
      e.set(i, what < 8 ? rare[what] : static_cast<double>(random.below(5) - 3));
    }
    return e;
  }
  Elements reals(mu_dtype type, const Sizes& dims) {
    Elements e(type, dims, any_strides(random, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random.real(-1, 1));
    return e;
  }

  void make(PoolPass pass, const Windows& w, const void* x, const void* dy, const int* found, void* to, mu_dtype type) {
    const auto all = [&]<class T, PoolPass which>(T) {
      if (which != pass) return;
      // The last first: they need no order.
      for (Index i = w.count; i-- > 0;) pool_element<T, which>(w, static_cast<const T*>(x), static_cast<const T*>(dy), found, to, i);
    };
    const auto of = [&]<class T>(T t) {
      using enum PoolPass;
      all.template operator()<T, max>(t), all.template operator()<T, find>(t), all.template operator()<T, max_backward>(t);
      all.template operator()<T, max_backward_of_found>(t), all.template operator()<T, mean>(t),
          all.template operator()<T, mean_backward>(t);
    };
    if (type == MU_F32) of(float{});
    if (type == MU_F64) of(double{});
    if (type == MU_F16) of(F16{});
    if (type == MU_BF16) of(BF16{});
  }
  Elements computed(const mu_op_pool& op, const Elements& x, const Elements& dy, Elements to, Way way) {
    const auto kind = op.kind;
    const mu_dtype type = to.v.dtype;
    if (kind == MU_POOL_MAX || kind == MU_POOL_MEAN) {
      const Windows w = windows_of(op, x.v, to.v, x.v, false);
      make(kind == MU_POOL_MAX ? PoolPass::max : PoolPass::mean, w, x.v.buffer, nullptr, nullptr, to.v.buffer, type);
      return to;
    }
    if (kind == MU_POOL_MEAN_BACKWARD) {
      const Windows w = windows_of(op, to.v, dy.v, to.v, true);
      make(PoolPass::mean_backward, w, nullptr, dy.v.buffer, nullptr, to.v.buffer, type);
      return to;
    }
    const Windows w = windows_of(op, x.v, dy.v, to.v, true);
    if (way == Way::looks || (way == Way::as_planned && !finds_first(w))) {
      make(PoolPass::max_backward, w, x.v.buffer, dy.v.buffer, nullptr, to.v.buffer, type);
      return to;
    }
    const Windows of_y = windows_of(op, x.v, dy.v, to.v, false);
    std::vector<int> found(static_cast<std::size_t>(of_y.count), -7);
    make(PoolPass::find, of_y, x.v.buffer, nullptr, nullptr, found.data(), type);
    make(PoolPass::max_backward_of_found, w, x.v.buffer, dy.v.buffer, found.data(), to.v.buffer, type);
    return to;
  }

  // One kind; the greatest exactly, means nearly.
  void expect_builtin(const Shape& s, const Elements& x, const Elements& dy, Way way = Way::as_planned) {
    const bool forward = s.op.kind == MU_POOL_MAX || s.op.kind == MU_POOL_MEAN, greatest = s.op.kind < MU_POOL_MEAN;
    const mu_dtype type = x.v.dtype;
    const Sizes& dims = forward ? s.y : s.x;
    const Elements blank(type, dims, any_strides(random, dims)), want = blank;
    const std::vector<mu_tensor> in = forward ? std::vector{x.v} : greatest ? std::vector{x.v, dy.v} : std::vector{dy.v};
    ASSERT_EQ(backend.run(s.op, MU_OP_POOL, in, {want.v}), MU_OK) << backend.message();
    const Elements got = computed(s.op, x, dy, blank, way);
    const double unit = type == MU_F64 ? 0x1p-50 : type == MU_F32 ? 0x1p-21 : type == MU_F16 ? 0x1p-10 : 0x1p-7;
    for (std::size_t i = 0; i < want.at.size(); ++i) {
      const double wanted = want[i], given = got[i], near = greatest || std::isinf(wanted) ? 0 : unit * (1 + std::fabs(wanted));
      ASSERT_TRUE(wanted != wanted ? given != given : given == wanted || std::fabs(given - wanted) <= near)
          << text_of(s) << " type " << type << " element " << i << " of " << want.at.size() << ": " << given << " and not " << wanted;
    }
    ASSERT_TRUE(got.rest_untouched()) << text_of(s) << ": wrote outside of its view";
  }
  // All four kinds.
  void expect_builtin(Shape s, mu_dtype type) {
    for (s.op.kind = 0; s.op.kind < 4; ++s.op.kind) {
      const bool greatest = s.op.kind < MU_POOL_MEAN;
      s.op.flags = !greatest && random.below(2) ? MU_POOL_COUNT_PADDING : 0;
      if (!greatest)
        for (std::uint32_t& d : s.op.dilation) d = std::min(d, 1u);
      for (const Way way : {Way::as_planned, Way::looks, Way::finds}) {
        if (way != Way::as_planned && s.op.kind != MU_POOL_MAX_BACKWARD) continue;
        expect_builtin(s, numbers(type, s.x, true), reals(type, s.y), way);
        expect_builtin(s, reals(type, s.x), reals(type, s.y), way);
        if (HasFatalFailure()) return;
      }
    }
  }

  static std::string text_of(const Shape& s) {
    std::string t = "kind " + std::to_string(s.op.kind) + " flags " + std::to_string(s.op.flags);
    for (std::size_t i = 0; i < s.x.size(); ++i) t += " " + std::to_string(s.x[i]) + "->" + std::to_string(s.y[i]);
    for (int i = 0; i < 3; ++i)
      t += " (" + std::to_string(s.op.window[i]) + " by " + std::to_string(s.op.stride[i]) + "/" + std::to_string(s.op.dilation[i]) +
           " before " + std::to_string(s.op.before[i]) + " after " + std::to_string(s.op.after[i]) + ")";
    return t;
  }
  // The same numbers for all axes.
  Shape shape_of(const Sizes& x, std::int64_t window, std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
    Shape s{{x[0], x[1]}, {x[0], x[1]}, {}};
    for (std::size_t i = 2; i < x.size(); ++i) EXPECT_TRUE(add_axis(s, x[i], window, stride, dilation, pad, pad));
    return s;
  }

  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{71};
};
constexpr mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16};

TEST_F(CudaPool, AnyWindowsGiveWhatBuiltinGives) {
  for (std::size_t round = 0; round < 500; ++round) {
    expect_builtin(any_shape(), types[round % 4]);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaPool, CommonWindowsDo) {
  for (const Shape& s : {shape_of({2, 3, 14, 14}, 2, 2, 1, 0), shape_of({2, 2, 19, 18}, 3, 2, 1, 1), shape_of({1, 2, 13, 14}, 5, 1, 1, 2),
                         shape_of({2, 9, 7, 7}, 7, 7, 1, 0), shape_of({2, 3, 4, 4, 4}, 4, 1, 1, 0), shape_of({1, 9, 300}, 40, 20, 1, 10),
                         shape_of({2, 2, 21, 26}, 2, 2, 2, 0), shape_of({1, 2, 9, 9}, 3, 5, 1, 0)})
    for (const mu_dtype type : types) {
      expect_builtin(s, type);
      if (HasFatalFailure()) return;
    }
}

TEST_F(CudaPool, ThereMayBeNone) {
  for (const Sizes& x : {Sizes{0, 3, 6, 6}, Sizes{2, 0, 6, 6}, Sizes{2, 3, 1, 6}}) {
    expect_builtin(shape_of(x, 2, 2, 1, 0), MU_F32);
    if (HasFatalFailure()) return;
  }
  // Means of padding alone.
  for (const std::uint32_t flags : {0u, MU_POOL_COUNT_PADDING}) {
    Shape s{{1, 2, 3}, {1, 2, 6}, {}};
    s.op.kind = MU_POOL_MEAN, s.op.flags = flags;
    s.op.window[0] = 2, s.op.stride[0] = 2, s.op.dilation[0] = 1, s.op.before[0] = 4, s.op.after[0] = 4;
    expect_builtin(s, reals(MU_F32, s.x), reals(MU_F32, s.y));
    s.op.kind = MU_POOL_MEAN_BACKWARD;
    expect_builtin(s, reals(MU_F32, s.x), reals(MU_F32, s.y));
  }
}

TEST_F(CudaPool, GreatestAreFoundBeforeWhereTheyWouldBeLookedForOften) {
  const auto finds = [&](const Shape& s) {
    const mu_tensor x = view(nullptr, MU_F32, s.x, dense_strides(s.x)), dy = view(nullptr, MU_F32, s.y, dense_strides(s.y));
    return finds_first(windows_of(s.op, x, dy, x, true));
  };
  EXPECT_FALSE(finds(shape_of({1, 1, 8, 8}, 2, 2, 1, 0)));
  EXPECT_FALSE(finds(shape_of({1, 1, 8, 8}, 4, 4, 1, 0)));
  EXPECT_TRUE(finds(shape_of({1, 1, 10, 10}, 5, 5, 1, 0)));
  EXPECT_TRUE(finds(shape_of({1, 1, 9, 9}, 3, 2, 1, 0)));
  EXPECT_TRUE(finds(shape_of({1, 1, 9}, 2, 2, 2, 0)));
  EXPECT_FALSE(finds(shape_of({1, 1, 9}, 2, 3, 2, 0)));
  EXPECT_FALSE(finds(shape_of({1, 1, 3}, 3, 1, 1, 0)));  // one window
  // More taps than 64 bits count.
  Shape all{{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {}};
  for (int i = 0; i < 3; ++i) all.op.window[i] = 1u << 29, all.op.stride[i] = all.op.dilation[i] = 1;
  EXPECT_TRUE(finds(all));
}

}  // namespace
}  // namespace mushin::cuda
