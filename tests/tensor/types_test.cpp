// The nine element types: storage, conversion, arithmetic, and literals that fold as devices compute.
#include <algorithm>
#include <bit>
#include <limits>

#include "mushin/tensor/capture.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/makers.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/scan.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "mushin/tensor/ops/sort.hpp"
#include "mushin/tensor/ops/statistics.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

static_assert(f16(1).bits() == 0x3C00 && f16(65504.0).bits() == 0x7BFF && f16(65519.99).bits() == 0x7BFF && f16(65520).bits() == 0x7C00);
static_assert(f16(0x1p-24).bits() == 1 && f16(0x1p-25).bits() == 0 && f16(0x1.8p-25).bits() == 1 && f16(-0.0).bits() == 0x8000);
static_assert(f16(2049).bits() == f16(2048).bits() && f16(2051).bits() == f16(2052).bits() && static_cast<float>(f16(0.1f)) == 0x1.998p-4f);
static_assert(bf16(1).bits() == 0x3F80 && bf16(257).bits() == bf16(256).bits() && bf16(259).bits() == bf16(260).bits());
static_assert(bf16(0x1.fffffep127f).bits() == 0x7F80 && bf16(1e300).bits() == 0x7F80 && f16(-1e300).bits() == 0xFC00);
// Rounded once, not by way of float.
static_assert(f16(0x1.002p0 + 0x1p-40).bits() == 0x3C01 && f16(0x1.002p0).bits() == 0x3C00);
static_assert(bf16((std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1).bits() == 0x5E81 && bf16(std::int64_t{1} << 62).bits() == 0x5E80);
static_assert(f16(1) < f16(2) && f16(0.0) == f16(-0.0) && f16(nan) != f16(nan) && bf16(3) >= bf16(3));

TEST(Half, EveryPatternReadsBack) {
  for (unsigned b = 0; b < 65536; ++b) {
    const f16 h = f16::from_bits(static_cast<std::uint16_t>(b));
    const bf16 g = bf16::from_bits(static_cast<std::uint16_t>(b));
    const auto x = static_cast<float>(h);
    const unsigned e = b >> 10 & 31;
    if (e == 31 && (b & 1023)) {
      ASSERT_TRUE(std::isnan(x)) << b;
    } else {
      ASSERT_EQ(std::fabs(x),
                e == 31 ? HUGE_VALF : std::ldexp(static_cast<float>((b & 1023) + (e ? 1024 : 0)), static_cast<int>(e ? e : 1) - 25));
    }
    ASSERT_EQ(std::signbit(x), b >> 15 != 0);
    if (!std::isnan(x)) {
      ASSERT_EQ(f16(x).bits(), b);
      ASSERT_EQ(f16(static_cast<double>(x)).bits(), b);
    } else {
      ASSERT_EQ(f16(x).bits() & 0x7E00, 0x7E00);
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(static_cast<float>(g)), b << 16);
    if (!std::isnan(static_cast<float>(g))) {
      ASSERT_EQ(bf16(static_cast<float>(g)).bits(), b);
    }
  }
}

// Values that every number type but the smallest has.
const Values small = {0, 1, 2, 3, 5, 100, 127, 7, 64, 31, 1, 0};

TEST(Types, StoreAndMove) {
  for (dtype t : all_dtypes) {
    Values v = small;
    if (t == dtype::b8)
      for (double& x : v) x = x != 0;
    const Array a = array({3, 4}, v, t);
    EXPECT_EQ(values(a), v) << name_of(t);
    EXPECT_EQ(values(scattered(a)), v) << name_of(t);
    EXPECT_EQ(values(slice(transpose(a), 0, 1, 2)), (Values{v[1], v[5], v[9]})) << name_of(t);
    EXPECT_EQ(values(full({100}, t, 1)), Values(100, 1)) << name_of(t);
    EXPECT_EQ(values(broadcast_to(array({1}, {1}, t), {3, 50})), Values(150, 1)) << name_of(t);
    EXPECT_EQ(values(eye({2, 3}, t, 1)), (Values{1, 0, 0, 0, 1, 0})) << name_of(t);
    EXPECT_EQ(values(ramp(2, t, 0, 1)), (Values{0, 1})) << name_of(t);
    EXPECT_EQ(values(gather(a, 0, array({1, 4}, {2, 1, 0, 2}, dtype::i64))), (Values{v[8], v[5], v[2], v[11]})) << name_of(t);
    const Values wide = random_values(200 * 60, 0, 2, t, 3);
    Values turned(wide.size());
    for (std::size_t i = 0; i < 200; ++i)
      for (std::size_t j = 0; j < 60; ++j) turned[j * 200 + i] = wide[i * 60 + j];
    EXPECT_EQ(values(transpose(array({200, 60}, wide, t))), turned) << name_of(t);
  }
}

// A value in a type, as casts promise.
double converted(double v, dtype from, dtype to) {
  if (to == dtype::b8) return v != 0;
  if (is_integer(to)) {
    const int bits = static_cast<int>(8 * bytes_of(to));
    const double low = to == dtype::u8 ? 0 : -std::ldexp(1, bits - 1), high = std::ldexp(1, to == dtype::u8 ? bits : bits - 1);
    if (std::isnan(v)) return 0;
    if (is_float(from)) return v <= low ? low : v >= high ? (to == dtype::i64 ? high : high - 1) : std::trunc(v);
    if (v >= low && v < high) return v;
    const double turn = std::ldexp(1, bits), rest = v - turn * std::floor(v / turn);
    return rest >= high ? rest - turn : rest;
  }
  std::byte b[8];
  store(b, v, to);
  return load(b, to);
}

TEST(Types, CastEachToEach) {
  const Values floats = {0, 1, -1, 2.5, -2.5, 127.5, 255.5, 300, -300, 65519, 1e6, -1e6, 3e9, -3e9, 1e19, -1e19, inf, -inf, nan, 0.1, 1e-6};
  const Values whole = {0, 1, -1, 127, 128, 255, 256, -128, -129, 2049, 65519, 65520, 65536, 16777217, -2147483648.0, 4294967296.0, 1e15};
  for (dtype from : all_dtypes)
    for (dtype to : all_dtypes) {
      Values x = is_float(from) ? floats : whole;
      for (double& v : x) v = converted(v, dtype::f64, from);
      const Array a = array({static_cast<std::int64_t>(x.size())}, x, from);
      const Array got = cast(a, to);
      Values want = x;
      for (double& v : want) v = converted(v, from, to);
      expect_near(values(got), want, 0, std::string(name_of(from)) + " to " + name_of(to));
      for (double v : x) expect_near(values(cast(literal(v, from), to)), {converted(v, from, to)}, 0, "literal");
    }
}

struct Op {
  const char* name;
  Array (*f)(const Array&, const Array&);
  bool integers, exact;
};
const Op binary_ops[] = {
    {"add", add, true, true},
    {"sub", sub, true, true},
    {"mul", mul, true, true},
    {"div", div, true, true},
    {"max", maximum, true, true},
    {"min", minimum, true, true},
    {"less", less, true, true},
    {"equal", equal, true, true},
    {"greater_equal", greater_equal, true, true},
    {"remainder", remainder, true, false},
    {"floor_divide", floor_divide, true, false},
};

// Literals fold on the host; the bits are those of the device.
TEST(Types, LiteralsFoldAsDevicesCompute) {
  const Values x = {0, 1, -1, 3, 100, 127, -128, 0.1, 2.7, 1e4, 1e-3};
  for (dtype t : all_dtypes) {
    if (t == dtype::b8) continue;
    for (const Op& op : binary_ops)
      for (double u : x)
        for (double v : x) {
          if (!op.exact && !is_integer(t)) continue;
          const Array a = literal(u, t), b = literal(v, t), c = array({1}, values(a), t), d = array({1}, values(b), t);
          ASSERT_EQ(bytes_from(op.f(a, b)), bytes_from(reshape(op.f(c, d), {}))) << op.name << " " << name_of(t) << " " << u << " " << v;
        }
    for (auto f : {neg, abs, relu})
      for (double u : x) {
        const Array a = literal(u, t), c = array({1}, values(a), t);
        ASSERT_EQ(bytes_from(f(a)), bytes_from(reshape(f(c), {}))) << name_of(t) << " " << u;
      }
  }
}

TEST(Types, IntegersWrap) {
  struct Row {
    dtype type;
    double most, least;
  };
  for (const Row& r : {Row{dtype::i8, 127, -128}, Row{dtype::u8, 255, 0}, Row{dtype::i32, 2147483647, -2147483648.0}}) {
    const Array most = array({2}, {r.most, r.most}, r.type), least = array({2}, {r.least, r.least}, r.type),
                one = array({2}, {1, 1}, r.type);
    EXPECT_EQ(values(add(most, one)), Values(2, r.least)) << name_of(r.type);
    EXPECT_EQ(values(sub(least, one)), Values(2, r.most)) << name_of(r.type);
    EXPECT_EQ(values(mul(most, most)), Values(2, 1)) << name_of(r.type);
    EXPECT_EQ(values(neg(least)), Values(2, r.least)) << name_of(r.type);
    EXPECT_EQ(values(add(mul(most, most), most)), Values(2, r.least)) << name_of(r.type);
    EXPECT_EQ(values(matmul(most, least)), Values(1, 0)) << name_of(r.type);
    EXPECT_EQ(values(matmul(most, one)), Values(1, r.type == dtype::u8 ? 254 : -2)) << name_of(r.type);
    EXPECT_EQ(values(sum(most, 1, false)), Values(1, 2 * r.most)) << name_of(r.type);
    EXPECT_EQ(sum(most, 1, false).type(), dtype::i64);
    EXPECT_EQ(values(div(most, sub(one, one))), Values(2, 0)) << name_of(r.type);
  }
}

TEST(Types, FloorDivisionRoundsDown) {
  const Array a = array({5}, {7, -7, 7, -7, 5}, dtype::i32), b = array({5}, {2, 2, -2, -2, 0}, dtype::i32);
  EXPECT_EQ(values(floor_divide(a, b)), (Values{3, -4, -4, 3, 0}));
  EXPECT_EQ(values(remainder(a, b)), (Values{1, 1, -1, -1, 0}));
  const Array c = array({3}, {-128, 127, -128}, dtype::i8), d = array({3}, {-1, -128, 127}, dtype::i8);
  EXPECT_EQ(values(floor_divide(c, d)), (Values{-128, -1, -2}));
  EXPECT_EQ(values(remainder(c, d)), (Values{0, -1, 126}));
}

// Each op rounds, whether it is computed with others or alone.
TEST(Types, HalvesRoundAfterEachOp) {
  for (dtype t : {dtype::f16, dtype::bf16}) {
    const Array a = array({500}, random_values(500, -3, 3, t, 1), t), b = array({500}, random_values(500, 0.5, 3, t, 2), t);
    const auto chain = [&](auto step) {
      const Array p = step(mul(a, b)), q = step(add(p, a)), r = step(exp(q)), s = step(div(r, b));
      const Array m = step(where(step(less(s, q)), s, step(maximum(p, q))));
      return step(sub(step(tanh(m)), step(cast(step(cast(m, dtype::f64)), t))));
    };
    const auto fused = bytes_from(chain([](const Array& x) { return x; }));
    const auto alone = bytes_from(chain([](const Array& x) { return evaluate(x), x; }));
    EXPECT_EQ(fused, alone) << name_of(t);
  }
}

TEST(Types, HalvesAccumulateInFloat) {
  for (dtype t : {dtype::f16, dtype::bf16}) {
    const Array ones = broadcast_to(array({1}, {1}, t), {40000});
    EXPECT_EQ(value(sum(ones, 1, false)), converted(40000, dtype::f64, t)) << name_of(t);
    EXPECT_EQ(value(sum(full({40000}, t, 1), 1, false)), converted(40000, dtype::f64, t)) << name_of(t);
    const Array big = array({4096}, Values(4096, 100), t);
    EXPECT_EQ(value(mean(big, 1, false)), 100) << name_of(t) << ": the sum is beyond f16";
    EXPECT_EQ(value(mean(mul(big, literal(1, t)), 1, false)), 100) << name_of(t);
    EXPECT_EQ(value(max(big, 1, false)), 100);
    EXPECT_EQ(values(argmax(array({3}, {1, 3, 2}, t), 1, false)), Values(1, 1));
    // 2048 + 1 is 2048 in f16, 256 + 1 in bf16 too.
    Values v(2000, 1);
    v[0] = t == dtype::f16 ? 2048 : 256;
    const Array x = array({2000}, v, t), one = array({2000}, Values(2000, 1), t);
    const double want = converted(v[0] + 1999, dtype::f64, t);
    EXPECT_EQ(value(matmul(x, one)), want) << name_of(t);
    EXPECT_EQ(value(sum(mul(x, one), 1, false)), want) << name_of(t);
    EXPECT_EQ(values(scatter_add(array({1}, {0}, t), 0, array({2000}, Values(2000, 0), dtype::i64), x)), Values(1, want)) << name_of(t);
    EXPECT_EQ(values(one_hot(array({2}, {1, 0}, dtype::i64), 2, t)), (Values{0, 1, 1, 0}));
    const Array p = softmax(array({2, 3}, {1, 2, 3, -1, 0, 1}, t), 1);
    EXPECT_EQ(p.type(), t);
    EXPECT_NEAR(value(sum(cast(slice(p, 0, 0, 1), dtype::f64), 3, false)), 1, 0.01);
  }
}

TEST(Types, HalvesAreDrawnBelowOne) {
  for (dtype t : {dtype::f16, dtype::bf16}) {
    const Values u = values(randu({20000}, t));
    EXPECT_LT(*std::max_element(u.begin(), u.end()), 1) << name_of(t);
    EXPECT_GE(*std::min_element(u.begin(), u.end()), 0) << name_of(t);
    EXPECT_NEAR(value(mean(cast(array({20000}, u, t), dtype::f64), 1, false)), 0.5, 0.02);
    const Values n = values(randn({20000}, t));
    EXPECT_NEAR(value(mean(cast(array({20000}, n, t), dtype::f64), 1, false)), 0, 0.05);
  }
}

TEST(Types, RunningAndStatistics) {
  for (dtype t : {dtype::i8, dtype::u8, dtype::i32}) {
    const Array a = array({4}, {100, 100, 100, 2}, t);
    EXPECT_EQ(values(cumsum(a, 0, false)), (Values{100, 200, 300, 302})) << name_of(t);
    EXPECT_EQ(values(cumprod(a, 0)), (Values{100, 1e4, 1e6, 2e6})) << name_of(t);
    EXPECT_EQ(cumsum(a, 0, false).type(), dtype::i64);
    EXPECT_EQ(value(prod(a, 1, false)), 2e6) << name_of(t);
    EXPECT_EQ(value(prod(full({3}, t, 100), 1, false)), 1e6) << name_of(t);
    EXPECT_EQ(sum_to(array({2, 1}, {1, 2}, t), {1}).type(), t);
  }
  for (dtype t : {dtype::f16, dtype::bf16}) {
    Values v(1000, 256);  // the square of which is beyond f16
    v[0] = 320;
    const Array a = array({1000}, v, t);
    EXPECT_NEAR(value(norm(a, 1, false)), std::sqrt(999 * 65536 + 320 * 320), 64) << name_of(t);
    EXPECT_NEAR(value(var(mul(a, literal(64, t)), 1, false, 1)), 4096 * 4096 / 1000.0, 100) << name_of(t);
    EXPECT_NEAR(value(logsumexp(a, 1, false)), 320, 2) << name_of(t);
    EXPECT_EQ(values(slice(cumsum(array({3000}, Values(3000, 1), t), 0, false), 0, 2999, 3000)), Values(1, converted(3000, dtype::f64, t)));
    EXPECT_EQ(values(sort(array({3}, {3, nan, 1}, t), 0, false)).at(0), 1);
  }
}

// The same expression over each type in turn: no plan of one type serves another.
TEST(Types, PlansAreApart) {
  for (int round = 0; round < 2; ++round)
    for (dtype t : all_dtypes) {
      if (t == dtype::b8) continue;
      const Array a = array({70}, Values(70, 3), t), b = array({70}, Values(70, 2), t);
      EXPECT_EQ(values(sub(mul(a, b), literal(1, t))), Values(70, 5)) << name_of(t);
      EXPECT_EQ(value(max(add(a, b), 1, false)), 5) << name_of(t);
      EXPECT_EQ(value(sum(add(a, b), 1, false)), 350) << name_of(t);
      EXPECT_EQ(values(where(less(a, b), a, mul(b, b))), Values(70, 4)) << name_of(t);
      for (dtype u : all_dtypes)
        EXPECT_EQ(values(cast(add(a, b), u)), Values(70, u == dtype::b8 ? 1 : 5)) << name_of(t) << " " << name_of(u);
    }
}

std::vector<std::int64_t> whole(const Array& a) {
  std::vector<std::int64_t> v(static_cast<std::size_t>(a.sizes().count()));
  read_all(cast(a, dtype::i64), v.data());
  return v;
}

// Numbers that no double has, and each type's ends: as literals, written out, and beside what is in memory.
TEST(Types, WholeNumbersAreExact) {
  struct Row {
    dtype type;
    std::int64_t number;
  };
  constexpr std::int64_t odd = (std::int64_t{1} << 53) + 1;
  using Whole = std::vector<std::int64_t>;
  for (const auto [t, n] : {Row{dtype::i64, odd}, Row{dtype::i64, -odd}, Row{dtype::i64, INT64_MAX}, Row{dtype::i64, INT64_MIN},
                            Row{dtype::i64, INT64_MIN + 1}, Row{dtype::i32, INT32_MAX}, Row{dtype::i32, INT32_MIN}, Row{dtype::u8, 255},
                            Row{dtype::u8, 0}, Row{dtype::i8, 127}, Row{dtype::i8, -128}}) {
    SCOPED_TRACE(std::string(name_of(t)) + " " + std::to_string(n));
    const std::int64_t in_memory[2] = {n, 7};
    const Array x = cast(from_values({2}, dtype::i64, in_memory), t), number = literal(n, t), zero = literal(0, t);
    const Array written = full({2}, t, n), yes = equal(x, x);
    evaluate(written);
    EXPECT_EQ(whole(number), Whole{n});
    EXPECT_EQ(whole(written), (Whole{n, n}));
    EXPECT_EQ(whole(eye({2, 2}, t, n)), (Whole{n, 0, 0, n}));
    EXPECT_EQ(whole(ramp(2, t, n, n < 0 ? 1 : -1)), (Whole{n, n == 0 ? 0 : n < 0 ? n + 1 : n - 1}));
    EXPECT_EQ(whole(add(sub(x, number), sub(number, x))), (Whole{0, 0}));
    EXPECT_EQ(whole(sub(x, number))[0], 0);
    EXPECT_EQ(whole(where(yes, number, x)), (Whole{n, n}));
    EXPECT_EQ(whole(where(logical_not(yes), x, number)), (Whole{n, n}));
    EXPECT_EQ(whole(clamp(x, number, number)), (Whole{n, n}));
    EXPECT_EQ(whole(clamp(mul(x, zero), n < 0 ? number : zero, n < 0 ? zero : number)), (Whole{0, 0}));
    EXPECT_EQ(whole(equal(x, number)), (Whole{1, n == 7}));
    EXPECT_EQ(whole(less(x, number)), (Whole{0, 7 < n}));
    EXPECT_EQ(whole(greater_equal(number, x)), (Whole{1, n >= 7}));
    EXPECT_EQ(whole(equal(written, number)), (Whole{1, 1}));
    EXPECT_EQ(value(cast(number, dtype::f32)), static_cast<float>(n));
    EXPECT_EQ(value(literal(n, dtype::f32)), static_cast<float>(n));
  }
  EXPECT_EQ(whole(add(full({2}, dtype::i64, INT64_MAX), literal(1, dtype::i64))), (Whole{INT64_MIN, INT64_MIN}));
  EXPECT_EQ(whole(literal(300, dtype::u8)), Whole{255});
  EXPECT_EQ(whole(literal(-300, dtype::i8)), Whole{-128});
  EXPECT_EQ(whole(literal(std::int64_t{1} << 40, dtype::i32)), Whole{INT32_MAX});
  EXPECT_EQ(whole(literal(UINT64_MAX, dtype::i64)), Whole{INT64_MAX});
  EXPECT_EQ(whole(ramp(3, dtype::i64, INT64_MAX - 1, 1)), (Whole{INT64_MAX - 1, INT64_MAX, INT64_MAX}));
  EXPECT_TRUE(bytes_from(literal(odd, dtype::b8))[0] == std::byte{1});
}

// Of a function that is replayed too: such numbers were values from the host once, which a recording refuses.
TEST(Types, WholeNumbersInACapture) {
  static constexpr std::int64_t odd = (std::int64_t{1} << 53) + 1;
  const auto x = mushin::tensor<std::int64_t, 2>({1, odd}), y = mushin::tensor<std::int64_t, 2>({odd, 3});
  auto step = mushin::capture(
      [](const mushin::Tensor<std::int64_t, 2>& a) {
        const auto filled = mushin::fill<std::int64_t, 2>(odd);
        return mushin::where(a == odd, filled - a, mushin::clamp(a + odd, odd, odd + 1));
      },
      x);
  EXPECT_EQ(step.results().to_vector(), (std::vector<std::int64_t>{odd + 1, 0}));
  EXPECT_EQ(step(y).to_vector(), (std::vector<std::int64_t>{0, odd + 1}));
}

TEST(Types, Mixed) {
  const Array a = array({2}, {1, 2}, dtype::f16), b = array({2}, {1, 2}, dtype::bf16);
  EXPECT_EQ(error_of<Error>([&] { add(a, b); }), "[add] element types differ: f16 and bf16");
  EXPECT_EQ(error_of<Error>([&] { matmul(a, b); }), "[matmul] element types differ: f16 and bf16");
}

}  // namespace
}  // namespace mushin::core::test
