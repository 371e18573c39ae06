// SORT and SCAN through the tables: what the core's tests don't reach.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "builtin.h"
#include "reference.hpp"

namespace backend_test {
namespace {

class Order : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{71};
  mu_code sort(std::uint32_t axis, std::uint32_t flags, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out) {
    return backend.run(mu_op_sort{{}, axis, flags}, MU_OP_SORT, in, out);
  }
  mu_code scan(mu_op_scan op, const mu_tensor& in, const mu_tensor& out) { return backend.run(op, MU_OP_SCAN, {in}, {out}); }
};

TEST_F(Order, ViewsWithAnyStrides) {
  // 3 x 40, every second element of columns that lie 100 apart; the outputs lie transposed.
  std::vector<double> x(4000), y(120);
  for (double& v : x) v = static_cast<double>(random.below(10));
  std::vector<std::int64_t> at(120);
  const mu_tensor in = view(x, {3, 40}, {2, 100}), values = view(y, {3, 40}, {1, 3}), indices = view(at, {3, 40}, {1, 3});
  ASSERT_EQ(sort(1, MU_SORT_VALUES | MU_SORT_INDICES, {in}, {values, indices}), MU_OK) << backend.message();
  for (std::size_t r = 0; r < 3; ++r) {
    std::vector<std::int64_t> want(40);
    std::iota(want.begin(), want.end(), 0);
    const auto element = [&](std::int64_t i) { return x[2 * r + 100 * static_cast<std::size_t>(i)]; };
    std::stable_sort(want.begin(), want.end(), [&](auto a, auto b) { return element(a) < element(b); });
    for (std::size_t i = 0; i < 40; ++i) {
      ASSERT_EQ(at[r + 3 * i], want[i]);
      ASSERT_EQ(y[r + 3 * i], element(want[i]));
    }
  }
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F64, MU_SCAN_REVERSE}, in, values), MU_OK) << backend.message();
  for (std::size_t r = 0; r < 3; ++r) {
    double sum = 0;
    for (std::size_t i = 40; i-- > 0;) ASSERT_EQ(y[r + 3 * i], sum += x[2 * r + 100 * i]);
  }
}

TEST_F(Order, BoolIsOrAndAnd) {
  const std::vector<std::uint8_t> x = {0, 1, 0, 1};
  std::vector<std::uint8_t> y(4);
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 0, MU_BOOL, 0}, view(x, {4}), view(y, {4})), MU_OK);
  EXPECT_EQ(y, (std::vector<std::uint8_t>{0, 1, 1, 1}));
  ASSERT_EQ(scan({{}, MU_SCAN_PROD, 0, MU_BOOL, MU_SCAN_REVERSE}, view(x, {4}), view(y, {4})), MU_OK);
  EXPECT_EQ(y, (std::vector<std::uint8_t>{0, 0, 0, 1}));
}

bool before(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }
std::vector<std::int64_t> ordered(const std::vector<double>& x, bool descending) {
  std::vector<std::int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [&](std::int64_t i) { return x[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return descending ? before(at(b), at(a)) : before(at(a), at(b)); });
  return order;
}
double of_f16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31 ? (fraction ? std::numeric_limits<double>::quiet_NaN() : HUGE_VAL)
                                     : std::ldexp(exponent ? 1024 + fraction : fraction, (exponent ? exponent : 1) - 25);
  return bits >> 15 ? -size : size;
}
double of_bf16(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float x;
  std::memcpy(&x, &wide, sizeof x);
  return static_cast<double>(x);
}

TEST_F(Order, AllValuesOf16BitFloats) {
  std::vector<std::uint16_t> x(1 << 16), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint16_t>(i * 40503);  // each once
  std::vector<std::int64_t> at(x.size());
  const Sizes dims = {1 << 16}, one = {1};
  for (const auto& [type, value] : {std::pair{MU_F16, &of_f16}, std::pair{MU_BF16, &of_bf16}})
    for (std::uint32_t down : {0u, MU_SORT_DESCENDING}) {
      std::vector<double> wide(x.size());
      std::transform(x.begin(), x.end(), wide.begin(), value);
      ASSERT_EQ(sort(0, MU_SORT_VALUES | MU_SORT_INDICES | down, {view(x.data(), type, dims, one)},
                     {view(y.data(), type, dims, one), view(at, dims)}),
                MU_OK);
      const auto want = ordered(wide, down != 0);
      EXPECT_EQ(at, want);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], x[static_cast<std::size_t>(want[i])]);
    }
}

// Values in several orders, which a search for the first few meets differently.
std::vector<float> line_of(const std::string& kind, std::size_t n, Random& random) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    const float at = static_cast<float>(i);
    x[i] = kind == "ascending" ? at : kind == "descending" ? -at : kind == "equal" ? 3 : static_cast<float>(random.below(500)) - 250;
    if (kind == "special") x[i] = std::array{0.0f, -0.0f, HUGE_VALF, -HUGE_VALF, std::nanf(""), 1.0f}[i * 7 % 11 % 6];
    if (kind == "bad first") x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(0x3F800000 + (i < 4096 ? 100 : random.below(8))));
  }
  return x;
}

TEST_F(Order, TheFirstFewOfManyAndLongLines) {
  constexpr std::int64_t is_long = (1 << 18) + 7;  // by threads
  for (const char* kind : {"random", "ascending", "descending", "equal", "special", "bad first"})
    for (std::int64_t n : {std::int64_t{64}, std::int64_t{1000}, std::int64_t{9000}, is_long}) {
      const std::vector<float> x = line_of(kind, static_cast<std::size_t>(n), random);
      for (bool descending : {false, true}) {
        const auto want = ordered({x.begin(), x.end()}, descending);
        for (std::int64_t k : {std::int64_t{1}, std::int64_t{8}, std::int64_t{100}, std::int64_t{512}, n}) {
          if (k > n) continue;
          SCOPED_TRACE(std::string(kind) + " " + std::to_string(k) + " of " + std::to_string(n) + (descending ? " descending" : ""));
          std::vector<float> y(static_cast<std::size_t>(k));
          std::vector<std::int64_t> at(y.size());
          set_host_threads(n == is_long ? 3 : 1);
          const std::uint32_t flags = MU_SORT_VALUES | MU_SORT_INDICES | (descending ? MU_SORT_DESCENDING : 0);
          ASSERT_EQ(sort(0, flags, {view(x, {n})}, {view(y, {k}), view(at, {k})}), MU_OK);
          set_host_threads(1);
          ASSERT_TRUE(std::equal(at.begin(), at.end(), want.begin()));
          for (std::size_t i = 0; i < y.size(); ++i) {
            const float value = x[static_cast<std::size_t>(at[i])];
            ASSERT_EQ(std::memcmp(&y[i], &value, sizeof value), 0);
          }
        }
      }
    }
}

TEST_F(Order, LongLinesOfWideTypes) {
  constexpr std::int64_t n = (1 << 18) + 5;
  std::vector<std::int64_t> x(n), at(n), few(5);
  for (auto& v : x) v = random.below(3) ? static_cast<std::int64_t>(random.next()) : 7;
  std::vector<std::int64_t> want(n);
  std::iota(want.begin(), want.end(), 0);
  std::stable_sort(want.begin(), want.end(),
                   [&](auto a, auto b) { return x[static_cast<std::size_t>(a)] < x[static_cast<std::size_t>(b)]; });
  set_host_threads(3);
  ASSERT_EQ(sort(0, MU_SORT_INDICES, {view(x, {n})}, {view(at, {n})}), MU_OK);
  ASSERT_EQ(sort(0, MU_SORT_INDICES, {view(x, {n})}, {view(few, {5})}), MU_OK);
  set_host_threads(1);
  EXPECT_EQ(at, want);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), want.begin()));
}

TEST_F(Order, TheFirstFewOfColumns) {
  constexpr std::int64_t n = 5000, lines = 21;
  std::vector<double> x(n * lines);
  for (double& v : x) v = static_cast<double>(random.below(3000));
  std::vector<std::int64_t> at(10 * lines);
  ASSERT_EQ(sort(0, MU_SORT_INDICES, {view(x, {n, lines})}, {view(at, {10, lines})}), MU_OK);
  for (std::size_t l = 0; l < lines; ++l) {
    std::vector<double> line(n);
    for (std::size_t i = 0; i < n; ++i) line[i] = x[i * lines + l];
    const auto want = ordered(line, false);
    for (std::size_t i = 0; i < 10; ++i) ASSERT_EQ(at[i * lines + l], want[i]) << i << " of line " << l;
  }
}

TEST_F(Order, ScansOfNarrowTypes) {
  // Every other element of 3 x 700, where lines lie side by side, and where they don't.
  const auto check = [&](mu_dtype from, mu_dtype to, mu_dtype acc, const auto& x, auto& y, const auto& value) {
    for (std::uint32_t axis : {0u, 1u})
      for (std::int64_t step : {1, 2})
        for (std::uint32_t flags : {0u, MU_SCAN_REVERSE}) {
          const Sizes dims = {70, 300}, strides = {300 * step, step};
          ASSERT_EQ(scan({{}, MU_SCAN_SUM, axis, acc, flags}, view(x.data(), from, dims, strides), view(y.data(), to, dims, strides)),
                    MU_OK);
          const std::int64_t n = dims[axis], lines = dims[1 - axis];
          for (std::int64_t l = 0; l < lines; ++l) {
            auto sum = value(x[0]) * 0;
            for (std::int64_t i = 0; i < n; ++i) {
              const std::int64_t at = (flags ? n - 1 - i : i) * strides[axis] + l * strides[1 - axis];
              sum += value(x[static_cast<std::size_t>(at)]);
              ASSERT_EQ(value(y[static_cast<std::size_t>(at)]), sum)
                  << "element " << i << " of line " << l << ", axis " << axis << ", step " << step;
            }
          }
        }
  };
  std::vector<std::uint8_t> bytes(42000);
  std::vector<std::int64_t> sums(bytes.size());
  for (auto& v : bytes) v = static_cast<std::uint8_t>(random.next());
  const auto whole = [](auto v) { return static_cast<std::int64_t>(v); };
  check(MU_U8, MU_I64, MU_I64, bytes, sums, whole);
  const std::vector<std::int8_t> small(bytes.begin(), bytes.end());
  check(MU_I8, MU_I64, MU_I64, small, sums, whole);
  const std::vector<std::int32_t> ints(small.begin(), small.end());
  check(MU_I32, MU_I64, MU_I64, ints, sums, whole);
  for (auto& v : bytes) v &= 1;
  check(MU_BOOL, MU_I64, MU_I64, bytes, sums, whole);
  // Sums that the types have: of 0 and 1 until 300 in F16, of 0 and 16 in BF16, which has the multiples of 16 until 4096.
  std::vector<std::uint16_t> half(bytes.size()), out(bytes.size());
  for (std::size_t i = 0; i < half.size(); ++i) half[i] = bytes[i] ? 0x3C00 : 0;
  check(MU_F16, MU_F16, MU_F32, half, out, of_f16);
  for (std::size_t i = 0; i < half.size(); ++i) half[i] = i % 9 == 0 ? 0x4180 : 0;
  check(MU_BF16, MU_BF16, MU_F32, half, out, of_bf16);
}

TEST_F(Order, HalvesAreRoundedOncePerResult) {
  // 2048 + 1 rounds to 2048 in F16: had the sum been kept in it, it would stay there.
  std::vector<std::uint16_t> x(5, 0x3C00), y(5);
  x[0] = 0x6800;
  const auto half = [](std::vector<std::uint16_t>& v) { return view(v.data(), MU_F16, {5}, {1}); };
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 0, MU_F32, 0}, half(x), half(y)), MU_OK);
  EXPECT_EQ(y, (std::vector<std::uint16_t>{0x6800, 0x6800, 0x6801, 0x6802, 0x6802}));
}

TEST_F(Order, LongSumsHaveTheBitsOfAnyOtherLine) {
  constexpr std::int64_t n = (1 << 19) + 12345, lines = 9;
  std::vector<float> x(n), one(n), y(n * lines);
  for (float& v : x) v = static_cast<float>(random.real(0, 1));
  for (std::uint32_t flags : {0u, MU_SCAN_REVERSE}) {
    const mu_op_scan op{{}, MU_SCAN_SUM, 0, MU_F32, flags};
    ASSERT_EQ(scan(op, view(x, {n}), view(one, {n})), MU_OK);
    double sum = 0, worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = flags ? n - 1 - i : i;
      sum += static_cast<double>(x[at]);
      worst = std::max(worst, std::abs(static_cast<double>(one[at]) - sum) / sum);
    }
    EXPECT_LT(worst, 4e-6);  // one after the other: 2e-5
    const auto equals = [&](const mu_tensor& in, const mu_tensor& out) {
      ASSERT_EQ(scan(op, in, out), MU_OK);
      for (std::int64_t l = 0; l < in.dim[1]; ++l)
        for (std::int64_t i = 0; i < n; ++i)
          ASSERT_EQ(y[static_cast<std::size_t>(i * out.stride[0] + l * out.stride[1])], one[static_cast<std::size_t>(i)]);
    };
    set_host_threads(3);
    equals(view(x, {n, 1}, {1, 0}), view(y, {n, 1}, {1, 0}));
    set_host_threads(1);
    equals(view(x, {n, lines}, {1, 0}), view(y, {n, lines}, {1, n}));
    equals(view(x, {n, 3}, {1, 0}), view(y, {n, 3}, {3, 1}));
  }
}

TEST_F(Order, ChunksOfSpecialValues) {
  std::vector<float> x(70000, -0.0f), y(x.size());
  const mu_tensor in = view(x, {70000}), out = view(y, {70000});
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 0, MU_F32, 0}, in, out), MU_OK);
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](float v) { return v == 0 && std::signbit(v); }));
  std::fill(x.begin(), x.end(), 2.0f), x[3] = 0;
  ASSERT_EQ(scan({{}, MU_SCAN_PROD, 0, MU_F32, 0}, in, out), MU_OK);
  EXPECT_EQ(y[2], 8);
  EXPECT_TRUE(std::all_of(y.begin() + 3, y.end(), [](float v) { return v == 0; }));  // not 0 times infinity
  x[5000] = HUGE_VALF, x[60000] = -HUGE_VALF;
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 0, MU_F32, 0}, in, out), MU_OK);
  EXPECT_EQ(y[4999], 9998);
  EXPECT_TRUE(y[5000] == HUGE_VALF && y[59999] == HUGE_VALF && std::isnan(y[60000]) && std::isnan(y[69999]));
  // Integers wrap, in whatever brackets.
  std::vector<std::int64_t> threes(70000, 3), powers(threes.size());
  ASSERT_EQ(scan({{}, MU_SCAN_PROD, 0, MU_I64, 0}, view(threes, {70000}), view(powers, {70000})), MU_OK);
  std::uint64_t power = 1;
  for (std::int64_t v : powers) ASSERT_EQ(v, static_cast<std::int64_t>(power *= 3));
}

TEST_F(Order, ThreadsChangeNothing) {
  std::vector<float> x(300 * 170), one(x.size()), three(x.size());
  for (float& v : x) v = static_cast<float>(random.real(-3, 3));
  for (std::uint32_t axis : {0u, 1u}) {
    const auto both = [&](std::vector<float>& y, int threads) {
      set_host_threads(threads);
      ASSERT_EQ(scan({{}, MU_SCAN_SUM, axis, MU_F32, 0}, view(x, {300, 170}), view(y, {300, 170})), MU_OK);
      set_host_threads(1);
    };
    both(one, 1), both(three, 3);
    EXPECT_EQ(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)), 0);
  }
}

TEST_F(Order, WhatIsRefused) {
  const std::vector<float> x(6);
  std::vector<float> y(6);
  std::vector<std::int64_t> at(6);
  const mu_tensor in = view(x, {2, 3}), out = view(y, {2, 3}), indices = view(at, {2, 3});
  EXPECT_EQ(sort(2, MU_SORT_VALUES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, 8, {in}, {out}), MU_UNSUPPORTED);
  EXPECT_EQ(sort(1, MU_SORT_VALUES | MU_SORT_INDICES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_INDICES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_VALUES, {in}, {indices}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_VALUES, {view(x, {2, 2})}, {out}), MU_INVALID);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 2, MU_F32, 0}, in, out), MU_INVALID);
  EXPECT_EQ(scan({{}, 9, 1, MU_F32, 0}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F32, 2}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_I64, 0}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F32, 0}, in, indices), MU_INVALID);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F64, 0}, in, out), MU_UNSUPPORTED);
}

}  // namespace
}  // namespace backend_test
