#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();
const Index shapes[] = {{}, {1}, {7}, {1000}, {3, 5}, {2, 1, 3, 1, 2, 1, 1, 2}, {0}, {2, 0, 3}, {65, 129}};

struct Unary {
  const char* name;
  Array (*eager)(const Array&);
  Traced (*traced)(const Traced&);
  double (*oracle)(double);
  double low, high;  // where the oracle is compared
  double ulp;        // how far a backend may be off, by the plugin boundary
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double relu(double x) { return x < 0 ? 0 : x; }

const Unary unary[] = {
    {"neg", core::neg, core::neg, [](double x) { return -x; }, -9, 9, 0},
    {"abs", core::abs, core::abs, [](double x) { return std::fabs(x); }, -9, 9, 0},
    {"exp", core::exp, core::exp, [](double x) { return std::exp(x); }, -80, 80, 2},
    {"log", core::log, core::log, [](double x) { return std::log(x); }, 1e-6, 50, 2},
    {"tanh", core::tanh, core::tanh, [](double x) { return std::tanh(x); }, -12, 12, 6},
    {"erf", core::erf, core::erf, [](double x) { return std::erf(x); }, -5, 5, 8},
    {"sqrt", core::sqrt, core::sqrt, [](double x) { return std::sqrt(x); }, 0, 1e6, 1},
    {"sigmoid", core::sigmoid, core::sigmoid, sigmoid, -60, 60, 6},
    {"relu", core::relu, core::relu, relu, -9, 9, 0},
};

class UnaryTest : public testing::TestWithParam<Unary> {};

TEST_P(UnaryTest, EqualsTheOracle) {
  const Unary& op = GetParam();
  on_every_device([&] {
    for (dtype type : float_types)
      for (const Index& shape : shapes) {
        const Ref x = rounded(random(shape, 20, op.low, op.high), type);
        const double ulp = is_half(type) ? 1 : op.ulp, least = type == dtype::f16 ? 0x1p-24 : 0;
        EXPECT_TRUE(close(op.eager(array(x, type)), rounded(map(x, op.oracle), type), tolerance(type, ulp), least))
            << name_of(type) << " " << text_of(shape);
      }
  });
}

TEST_P(UnaryTest, SpecialValues) {
  const Unary& op = GetParam();
  const Ref x{{9}, {nan, inf, -inf, 0.0, -0.0, 1, -1, 3e38, -3e38}};
  on_every_device([&] {
    for (dtype type : float_types) {
      const Ref want = rounded(map(rounded(x, type), op.oracle), type);
      const Ref got = ref(op.eager(array(x, type)));
      EXPECT_TRUE(close(got, want, tolerance(type, op.ulp), 0)) << name_of(type);
    }
  });
}

TEST_P(UnaryTest, Gradients) {
  const Unary& op = GetParam();
  const double low = std::max(op.low, -2.0), high = std::min(op.high, 3.0);
  Ref x = random({2, 5}, 21, low, high);
  for (double& v : x.values)
    if (std::abs(v) < 0.2) v = 0.3;  // away from kinks and poles
  check_gradients([&](const auto& in) { return op.traced(in[0]); }, {x});
}

INSTANTIATE_TEST_SUITE_P(Pointwise, UnaryTest, testing::ValuesIn(unary), [](const auto& test) { return std::string(test.param.name); });

TEST(Sigmoid, KeepsWhatIsSmall) {
  on_every_device([&] {
    const Ref x{{4}, {-80, -88.5, -95, -100}}, far{{2}, {-708, -740}};
    const auto exact = [](double v) { return 1 / (1 + std::exp(-v)); };
    EXPECT_TRUE(close(core::sigmoid(array(x, dtype::f32)), map(x, exact), 4 * 0x1p-23, 4 * 0x1p-149));
    EXPECT_TRUE(close(core::sigmoid(array(far, dtype::f64)), map(far, [](double v) { return std::exp(v); }), 4 * 0x1p-52, 4 * 0x1p-1074));
    for (double v : far.values) EXPECT_EQ(ref(core::sigmoid(core::literal(v, dtype::f64))).values[0], std::exp(v));
  });
}

struct Binary {
  const char* name;
  Array (*eager)(const Array&, const Array&);
  Traced (*traced)(const Traced&, const Traced&);  // null: no gradient
  double (*oracle)(double, double);
  bool integers;
};
double greater_of(double x, double y) { return std::isnan(x) || std::isnan(y) ? nan : x > y ? x : y; }
double lesser_of(double x, double y) { return std::isnan(x) || std::isnan(y) ? nan : x < y ? x : y; }

const Binary binary[] = {
    {"add", core::add, core::add, [](double x, double y) { return x + y; }, true},
    {"sub", core::sub, core::sub, [](double x, double y) { return x - y; }, true},
    {"mul", core::mul, core::mul, [](double x, double y) { return x * y; }, true},
    {"div", core::div, core::div, [](double x, double y) { return x / y; }, false},
    {"maximum", core::maximum, core::maximum, greater_of, true},
    {"minimum", core::minimum, core::minimum, lesser_of, true},
    {"step", core::step, nullptr, [](double x, double g) { return x > 0 ? g : 0; }, false},
    {"equal", core::equal, nullptr, [](double x, double y) -> double { return x == y; }, true},
    {"not_equal", core::not_equal, nullptr, [](double x, double y) -> double { return x != y; }, true},
    {"less", core::less, nullptr, [](double x, double y) -> double { return x < y; }, true},
    {"less_equal", core::less_equal, nullptr, [](double x, double y) -> double { return x <= y; }, true},
    {"greater", core::greater, nullptr, [](double x, double y) -> double { return x > y; }, true},
    {"greater_equal", core::greater_equal, nullptr, [](double x, double y) -> double { return x >= y; }, true},
};
struct Pair {
  Index a, b;
};
const Pair pairs[] = {{{}, {}},
                      {{7}, {7}},
                      {{3, 5}, {5}},
                      {{3, 1}, {1, 5}},
                      {{4}, {}},
                      {{}, {2, 2}},
                      {{0}, {1}},
                      {{2, 0, 3}, {3}},
                      {{100, 37}, {100, 1}},
                      {{2, 3, 4}, {3, 1}},
                      {{300}, {300}},
                      {{1, 1, 2, 1, 1, 2, 1, 1}, {2, 1, 1, 1, 2, 1, 1, 3}}};

std::vector<Binary> with_gradient() {
  std::vector<Binary> out(std::begin(binary), std::end(binary));
  std::erase_if(out, [](const Binary& op) { return !op.traced; });
  return out;
}

class BinaryTest : public testing::TestWithParam<Binary> {};

TEST_P(BinaryTest, EqualsTheOracleWithBroadcasting) {
  const Binary& op = GetParam();
  on_every_device([&] {
    for (dtype type : number_types)
      for (const Pair& p : pairs) {
        const bool whole = is_integer(type);
        if (whole && !op.integers) continue;
        const Ref a = rounded(whole ? random_integers(p.a, 30, 9) : random(p.a, 30, -2, 2), type),
                  b = rounded(whole ? random_integers(p.b, 31, 9) : random(p.b, 31, 1, 3), type);
        Ref want = map(a, b, op.oracle);
        if (type == dtype::u8)
          for (double& v : want.values) v = v < 0 ? v + 256 : v;
        EXPECT_TRUE(close(op.eager(array(a, type), array(b, type)), want, tolerance(type, 1), 0))
            << name_of(type) << " " << text_of(p.a) << " " << text_of(p.b);
      }
  });
}

TEST_P(BinaryTest, SpecialValues) {
  const Binary& op = GetParam();
  const Ref all{{7}, {nan, inf, -inf, 0.0, -0.0, 1, -2}};
  const Ref across{{7, 1}, all.values};
  on_every_device([&] {
    for (dtype type : float_types)
      EXPECT_TRUE(equal(op.eager(array(across, type), array(all, type)), map(across, all, op.oracle))) << name_of(type);
  });
}

class BinaryGradientTest : public BinaryTest {};

TEST_P(BinaryGradientTest, OfBothOrders) {
  const Binary& op = GetParam();
  for (const Pair& p : {Pair{{2, 3}, {2, 3}}, Pair{{2, 3}, {3}}, Pair{{2, 1}, {1, 3}}, Pair{{}, {4}}}) {
    SCOPED_TRACE(text_of(p.a) + " " + text_of(p.b));
    check_gradients([&](const auto& in) { return op.traced(in[0], in[1]); }, {random(p.a, 32, -2, -0.1), random(p.b, 33, 0.5, 3)});
    check_gradients([&](const auto& in) { return op.traced(in[0], in[0]); }, {random(p.a, 34, 0.5, 2)});
  }
}

INSTANTIATE_TEST_SUITE_P(Pointwise, BinaryTest, testing::ValuesIn(binary), [](const auto& test) { return std::string(test.param.name); });
INSTANTIATE_TEST_SUITE_P(Pointwise, BinaryGradientTest, testing::ValuesIn(with_gradient()),
                         [](const auto& test) { return std::string(test.param.name); });

std::vector<std::int64_t> read_integers(const Array& a) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(a.sizes().count()));
  core::read_all(a, out.data());
  return out;
}
Array from_integers(const std::vector<std::int64_t>& v) {
  return core::from_values({static_cast<std::int64_t>(v.size())}, dtype::i64, v.data());
}

TEST(Integers, WrapAndDivideTowardsZero) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  on_every_device([&] {
    EXPECT_EQ(read_integers(core::add(from_integers({most, 5}), from_integers({1, -7}))), (std::vector<std::int64_t>{least, -2}));
    EXPECT_EQ(read_integers(core::mul(from_integers({most, 1 << 20}), from_integers({2, 1 << 20}))),
              (std::vector<std::int64_t>{-2, std::int64_t{1} << 40}));
    EXPECT_EQ(read_integers(core::div(from_integers({7, -7, 5, least}), from_integers({2, 2, 0, -1}))),
              (std::vector<std::int64_t>{3, -3, 0, least}));
    EXPECT_EQ(read_integers(core::neg(from_integers({least, 3}))), (std::vector<std::int64_t>{least, -3}));
    EXPECT_EQ(read_integers(core::abs(from_integers({least, -3}))), (std::vector<std::int64_t>{least, 3}));
    EXPECT_EQ(read_integers(core::maximum(from_integers({most - 1}), from_integers({most}))), (std::vector<std::int64_t>{most}));
  });
}

TEST(Cast, EveryPairOfTypes) {
  on_every_device([&] {
    const Ref x{{6}, {nan, -1.75, 0, 2.5, 1e30, -1e30}};
    for (dtype from : {dtype::f32, dtype::f64}) {
      constexpr double most = 9223372036854775807.0;
      EXPECT_TRUE(equal(core::cast(array(x, from), dtype::i64), Ref{{6}, {0, -1, 0, 2, most, -most}})) << name_of(from);
      EXPECT_TRUE(equal(core::cast(array(x, from), dtype::b8), Ref{{6}, {1, 1, 0, 1, 1, 1}})) << name_of(from);
    }
    EXPECT_TRUE(equal(core::cast(array(Ref{{2}, {0.1, nan}}, dtype::f64), dtype::f32), Ref{{2}, {static_cast<double>(0.1f), nan}}));
    EXPECT_TRUE(equal(core::cast(array(Ref{{3}, {-3, 0, 7}}, dtype::i64), dtype::b8), Ref{{3}, {1, 0, 1}}));
    for (dtype to : {dtype::f32, dtype::f64, dtype::i64}) {
      EXPECT_TRUE(equal(core::cast(array(Ref{{3}, {-3, 0, 7}}, dtype::i64), to), Ref{{3}, {-3, 0, 7}})) << name_of(to);
      EXPECT_TRUE(equal(core::cast(array(Ref{{2}, {1, 0}}, dtype::b8), to), Ref{{2}, {1, 0}})) << name_of(to);
    }
  });
  check_gradients([](const auto& in) { return core::cast(core::mul(in[0], in[0]), dtype::f64); }, {random({3}, 35)});
}

TEST(Where, TakesFromEither) {
  const Ref c{{3, 1}, {1, 0, 1}}, a = random({3, 4}, 36), b = random({4}, 37);
  on_every_device([&] {
    for (dtype type : all_dtypes) {
      const auto whole = [&](const Ref& r) {
        return rounded(map(r, [type](double x) { return is_float(type) ? x : x > 0 ? 1.0 : 0.0; }), type);
      };
      EXPECT_TRUE(equal(core::where(array(c, dtype::b8), array(whole(a), type), array(whole(b), type)), where(c, whole(a), whole(b))))
          << name_of(type);
    }
    const Ref n{{3, 4}, std::vector<double>(12, nan)};
    EXPECT_TRUE(equal(core::where(array(Ref{{}, {0}}, dtype::b8), array(n, dtype::f32), array(b, dtype::f32)), broadcast_to(b, {3, 4})))
        << "the NaN of the other branch stays out";
  });
  check_gradients([&](const auto& in) { return core::where(array(c, dtype::b8), core::mul(in[0], in[0]), in[1]); }, {a, b});
}

TEST(Logic, OfBools) {
  const Ref a{{2, 1}, {0, 1}}, b{{2}, {0, 1}};
  on_every_device([&] {
    const Array x = array(a, dtype::b8), y = array(b, dtype::b8);
    EXPECT_TRUE(equal(core::logical_and(x, y), Ref{{2, 2}, {0, 0, 0, 1}}));
    EXPECT_TRUE(equal(core::logical_or(x, y), Ref{{2, 2}, {0, 1, 1, 1}}));
    EXPECT_TRUE(equal(core::logical_not(x), Ref{{2, 1}, {1, 0}}));
    EXPECT_TRUE(equal(core::equal(x, y), Ref{{2, 2}, {1, 0, 0, 1}}));
    EXPECT_TRUE(equal(core::not_equal(x, y), Ref{{2, 2}, {0, 1, 1, 0}}));
  });
}

TEST(Step, PassesTheGradientWhereTheOperandIsPositive) {
  const Ref x{{4}, {-1, 0, 2, 3}};
  check_gradients([&](const auto& in) { return core::mul(core::step(array(x, dtype::f64), in[0]), in[0]); }, {random({4}, 38)});
}

// One pass or many, the same bits: no contraction, no reordering.
TEST(Fusion, LongChainsEqualSingleOps) {
  on_every_device([&] {
    for (dtype type : float_types) {
      Array fused = array(random({1000}, 39, 0.5, 2), type), single = fused;
      const Array k = array(random({1000}, 40, 0.5, 2), type);
      for (int i = 0; i < 40; ++i) {
        fused = core::add(core::mul(fused, k), core::neg(core::tanh(fused)));
        const Array product = core::mul(single, k);
        core::evaluate(product);
        const Array t = core::tanh(single);
        core::evaluate(t);
        const Array negative = core::neg(t);
        core::evaluate(negative);
        single = core::add(product, negative);
        core::evaluate(single);
      }
      EXPECT_TRUE(equal(fused, ref(single))) << name_of(type);
    }
  });
}

}  // namespace
}  // namespace mushin::test
