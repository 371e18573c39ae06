#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();
const Index shapes[] = {{}, {1}, {1000}, {3, 5}, {2, 1, 3, 1, 2, 1, 1, 2}, {0}, {2, 0, 3}, {65, 129}};

struct Unary {
  const char* name;
  Array (*eager)(const Array&);
  Traced (*traced)(const Traced&);
  double (*oracle)(double);
  double low, high;  // where the oracle is compared
  double ulp;        // how far a backend may be off, by the plugin boundary
};
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

const Unary unary[] = {
    {"log1p", core::log1p, core::log1p, [](double x) { return std::log1p(x); }, -0.9, 50, 4},
    {"expm1", core::expm1, core::expm1, [](double x) { return std::expm1(x); }, -30, 80, 4},
    {"rsqrt", core::rsqrt, core::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 1e-6, 1e6, 2},
    {"sin", core::sin, core::sin, [](double x) { return std::sin(x); }, -30, 30, 4},
    {"cos", core::cos, core::cos, [](double x) { return std::cos(x); }, -30, 30, 4},
    {"tan", core::tan, core::tan, [](double x) { return std::tan(x); }, -30, 30, 9},
    {"asin", core::asin, core::asin, [](double x) { return std::asin(x); }, -0.95, 0.95, 4},
    {"acos", core::acos, core::acos, [](double x) { return std::acos(x); }, -0.95, 0.95, 4},
    {"atan", core::atan, core::atan, [](double x) { return std::atan(x); }, -40, 40, 4},
    {"sinh", core::sinh, core::sinh, [](double x) { return std::sinh(x); }, -88, 88, 12},
    {"cosh", core::cosh, core::cosh, [](double x) { return std::cosh(x); }, -88, 88, 12},
    {"sign", core::sign, core::sign, sign, -9, 9, 0},
    {"floor", core::floor, core::floor, [](double x) { return std::floor(x); }, -9, 9, 0},
    {"ceil", core::ceil, core::ceil, [](double x) { return std::ceil(x); }, -9, 9, 0},
    {"round", core::round, core::round, [](double x) { return std::nearbyint(x); }, -9, 9, 0},
};

class ElementaryTest : public testing::TestWithParam<Unary> {};

TEST_P(ElementaryTest, EqualsTheOracle) {
  const Unary& op = GetParam();
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const Index& shape : shapes) {
        const Ref x = random(shape, 60, op.low, op.high);
        EXPECT_TRUE(close(op.eager(array(x, type)), map(x, op.oracle), tolerance(type, op.ulp), 0))
            << name_of(type) << " " << text_of(shape);
      }
  });
}

// Half a unit of the type, and what the function in float, which is rounded once, may be off.
double half_a_unit(double exact, dtype type, double ulp) {
  const int digits = type == dtype::f16 ? 10 : 7, least = type == dtype::f16 ? -14 : -126;
  const int exponent = exact == 0 ? least : std::max(std::ilogb(exact), least);
  return std::ldexp(0.5, exponent - digits) + std::abs(exact) * tolerance(dtype::f32, ulp);
}

TEST_P(ElementaryTest, HalvesAreExactToTheirLastDigits) {
  const Unary& op = GetParam();
  on_every_device([&] {
    for (dtype type : {dtype::f16, dtype::bf16}) {
      const Array x = array(random({1000}, 69, std::max(op.low, -8.0), std::min(op.high, 8.0)), type);
      const Ref at = ref(x), got = ref(op.eager(x)), want = map(at, op.oracle);
      for (std::size_t i = 0; i < 1000; ++i)
        ASSERT_LE(std::abs(got.values[i] - want.values[i]), half_a_unit(want.values[i], type, op.ulp))
            << name_of(type) << " " << at.values[i] << ": " << got.values[i] << " is not " << want.values[i];
    }
  });
}

TEST_P(ElementaryTest, SmallArgumentsKeepTheirDigits) {
  const Unary& op = GetParam();
  const Ref x = map(random({200}, 61, -1, 1), [](double v) { return static_cast<double>(static_cast<float>(v * v * v * v * 1e-3)); });
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      EXPECT_TRUE(close(op.eager(array(x, type)), map(x, op.oracle), tolerance(type, op.ulp), 0)) << name_of(type);
  });
}

// As arrays, and as literals, which the host folds. The zeros keep their sign.
TEST_P(ElementaryTest, SpecialValues) {
  const Unary& op = GetParam();
  const Ref x{{15}, {nan, inf, -inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, -3.5, 200, -200, 3e38, -3e38}};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      Ref want = map(x, op.oracle);
      if (type == dtype::f32)
        for (double& v : want.values) v = static_cast<double>(static_cast<float>(v));
      // Beyond 1e4 sine and cosine are exact to 1e-6, and their quotient to nothing.
      const bool wave = op.oracle(0.5) == std::tan(0.5) || op.oracle(0.5) == std::sin(0.5) || op.oracle(0.5) == std::cos(0.5);
      const std::size_t checked = wave ? 13 : 15;
      const Ref got = ref(op.eager(array(x, type)));
      for (std::size_t i = 0; i < checked; ++i) {
        const Ref here{{}, {want.values[i]}};
        EXPECT_TRUE(close(Ref{{}, {got.values[i]}}, here, tolerance(type, op.ulp), 0)) << name_of(type) << " at " << x.values[i];
        EXPECT_TRUE(close(op.eager(core::literal(x.values[i], type)), here, tolerance(type, op.ulp), 0)) << "literal " << x.values[i];
        if (want.values[i] == 0) {
          EXPECT_EQ(std::signbit(got.values[i]), std::signbit(want.values[i])) << x.values[i];
        }
      }
    }
  });
}

TEST_P(ElementaryTest, Gradients) {
  const Unary& op = GetParam();
  Ref x = random({2, 5}, 62, std::max(op.low, -2.0), std::min(op.high, 3.0));
  for (double& v : x.values)
    if (std::abs(v - std::nearbyint(v)) < 0.2 || std::abs(std::abs(v - std::nearbyint(v)) - 0.5) < 0.1)
      v = 0.3;  // away from steps and poles
  check_gradients([&](const auto& in) { return core::add(op.traced(in[0]), core::mul(in[0], in[0])); }, {x});
}

INSTANTIATE_TEST_SUITE_P(Elementary, ElementaryTest, testing::ValuesIn(unary),
                         [](const auto& test) { return std::string(test.param.name); });

double power(double x, double y) { return std::pow(x, y); }

TEST(Pow, EqualsTheOracleWithBroadcasting) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Ref a = random({3, 1, 5}, 63, 0.1, 4), b = random({4, 1}, 64, -5, 5);
      EXPECT_TRUE(close(core::pow(array(a, type), array(b, type)), map(a, b, power), tolerance(type, 16), 0)) << name_of(type);
      for (double e : {0.0, 1.0, 2.0, 3.0, 4.0, 0.5, -1.0, -2.5})
        EXPECT_TRUE(close(core::pow(array(a, type), e), map(a, [e](double x) { return std::pow(x, e); }), tolerance(type, 16), 0)) << e;
    }
  });
}

TEST(Pow, SpecialValues) {
  const Ref all{{12}, {nan, inf, -inf, 0.0, -0.0, 1, -1, 2, -2, 0.5, 3, -3}}, across{{12, 1}, all.values};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const double few = tolerance(type, 16);
      EXPECT_TRUE(close(core::pow(array(across, type), array(all, type)), map(across, all, power), few, 0)) << name_of(type);
      for (double e : all.values) {
        const Ref want = map(all, [e](double x) { return std::pow(x, e); });
        EXPECT_TRUE(close(core::pow(array(all, type), e), want, few, 0)) << e;
        for (std::size_t i = 0; i < 12; ++i)
          EXPECT_TRUE(close(core::pow(core::literal(all.values[i], type), e), Ref{{}, {want.values[i]}}, few, 0)) << e;
      }
    }
  });
}

TEST(Pow, OfIntegersBySquaring) {
  const Ref base{{5, 1}, {2, -3, 0, 1, -1}}, exponent{{6}, {0, 1, 2, 5, -1, -2}};
  Ref want = map(base, exponent, power);
  for (double& v : want.values) v = std::abs(v) < 1 || std::isinf(v) ? 0 : v;
  on_every_device([&] {
    EXPECT_TRUE(equal(core::pow(array(base, dtype::i64), array(exponent, dtype::i64)), want));
    EXPECT_TRUE(equal(core::pow(array(base, dtype::i64), 5), map(base, [](double x) { return x * x * x * x * x; })));
    EXPECT_TRUE(equal(core::pow(core::literal(3, dtype::i64), core::literal(4, dtype::i64)), Ref{{}, {81}}));
    EXPECT_TRUE(equal(core::pow(core::literal(3, dtype::i64), -1), Ref{{}, {0}}));
  });
}

TEST(Pow, NumbersAreExactExponentsOfIntegers) {
  on_every_device([] {
    const auto x = tensor<std::int64_t, 3>({3, -7, (std::int64_t{1} << 53) + 1});
    for (int e : {0, 1, 2, 3, 5, 33, 41}) {
      std::vector<std::int64_t> want;
      for (std::int64_t v : x.to_vector()) {
        std::uint64_t power = 1;  // wraps
        for (int i = 0; i < e; ++i) power *= static_cast<std::uint64_t>(v);
        want.push_back(static_cast<std::int64_t>(power));
      }
      EXPECT_EQ(pow(x, e).to_vector(), want) << e;
    }
    const auto units = tensor<std::int64_t, 3>({1, -1, 0});
    EXPECT_EQ(pow(units, (std::int64_t{1} << 53) + 1).to_vector(), units.to_vector()) << "odd, and no double";
    EXPECT_TRUE(throws<Error>([&] { pow(x, -1); }, "[pow] integers have no negative powers: the exponent is -1"));
  });
}

// 3 and -2 are several operations; halves are rounded once, and the range is the power's.
TEST(Pow, SmallExponentsAreProducts) {
  on_every_device([] {
    for (dtype type : {dtype::f16, dtype::bf16})
      for (double e : {-2.0, -1.0, 3.0}) {
        const Ref a = ref(core::cast(array(random({64}, 68, 0.5, 2), type), dtype::f64));
        const Ref want = ref(core::cast(core::cast(array(map(a, [e](double x) { return std::pow(x, e); }), dtype::f32), type), dtype::f64));
        EXPECT_TRUE(equal(core::pow(array(a, type), e), want)) << name_of(type) << ' ' << e;
      }
    EXPECT_TRUE(close(core::pow(array(Ref{{2}, {0x1p70, -0x1p-60}}, dtype::f32), -2), Ref{{2}, {0x1p-140, 0x1p120}}, 0, 0));
  });
}

TEST(Pow, GradientsOfBothOperands) {
  const Ref a = random({2, 3}, 65, 0.3, 2), b = random({3}, 66, -2, 3);
  check_gradients([](const auto& in) { return core::pow(in[0], in[1]); }, {a, b});
  check_gradients([](const auto& in) { return core::pow(in[0], in[1]); }, {Ref{{3}, {2, 0.5, 3}}, Ref{{3}, {0, 1, 0}}});
  check_gradients([](const auto& in) { return core::pow(in[0], in[0]); }, {a});
  for (double e : {0.0, 1.0, 2.0, 3.0, 4.0, 0.5, -1.0, -2.0, -2.5})
    check_gradients([e](const auto& in) { return core::add(core::pow(in[0], e), in[0]); }, {a});
  const Ref negative = random({4}, 67, -2, -0.3);
  check_gradients([](const auto& in) { return core::pow(in[0], Traced(array(Ref{{4}, {2, 3, -1, 0}}, dtype::f64))); }, {negative});
}

struct Gradients {
  Ref base, exponent, base_twice;
};
// First gradients of sum(a^b), and that of the base's.
Gradients gradients_of_pow(const Ref& a, const Ref& b) {
  const core::Leaf x(array(a, dtype::f64)), y(array(b, dtype::f64));
  const Traced with[] = {x.traced(), y.traced()};
  Traced got[2], second;
  core::gradients(core::pow(with[0], with[1]), with, got, 2, true);
  core::gradients(got[0], with, &second, 1, false);
  return {ref(got[0].value()), ref(got[1].value()), ref(second.value())};
}

TEST(Pow, GradientsAtZeroAreThoseOfTheLimit) {
  on_every_device([&] {
    const Gradients g = gradients_of_pow(Ref{{5}, {0, 0, 0, 0, 3}}, Ref{{5}, {0, 1, 2, 3, 0}});
    EXPECT_TRUE(close(g.base, Ref{{5}, {0, 1, 0, 0, 0}})) << "b a^(b-1), and 0 for b = 0";
    EXPECT_TRUE(close(g.exponent, Ref{{5}, {0, 0, 0, 0, std::log(3.0)}}));
    EXPECT_TRUE(close(g.base_twice, Ref{{5}, {0, 0, 2, 0, 0}}));
    const Gradients n = gradients_of_pow(Ref{{2}, {-2, -2}}, Ref{{2}, {2, 3}});
    EXPECT_TRUE(close(n.base, Ref{{2}, {-4, 12}}));
    EXPECT_TRUE(close(n.exponent, Ref{{2}, {nan, nan}})) << "no real slope there";
    EXPECT_TRUE(close(n.base_twice, Ref{{2}, {2, -12}}));
  });
}

TEST(Clamp, EqualsTheOracle) {
  const Ref x{{8}, {nan, inf, -inf, -2, -1, 0.5, 2, 3}};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      EXPECT_TRUE(
          equal(core::clamp(array(x, type), core::literal(-1, type), core::literal(2, type)), Ref{{8}, {nan, 2, -1, -1, -1, 0.5, 2, 2}}));
    EXPECT_TRUE(equal(core::clamp(array(Ref{{3}, {-7, 1, 9}}, dtype::i64), core::literal(0, dtype::i64), core::literal(5, dtype::i64)),
                      Ref{{3}, {0, 1, 5}}));
    EXPECT_TRUE(
        equal(core::clamp(array(Ref{{1}, {4}}, dtype::f32), core::literal(3, dtype::f32), core::literal(1, dtype::f32)), Ref{{1}, {1}}))
        << "the upper bound wins";
    core::Leaf leaf(array(Ref{{5}, {-2, -1, 0.5, 2, 3}}, dtype::f64));
    core::backward(core::clamp(leaf.traced(), core::literal(-1, dtype::f64), core::literal(2, dtype::f64)), false);
    EXPECT_TRUE(equal(leaf.grad(), Ref{{5}, {0, 1, 1, 1, 0}})) << "the bounds belong to the slope";
  });
  check_gradients(
      [](const auto& in) { return core::clamp(core::mul(in[0], in[0]), core::literal(0.1, dtype::f64), core::literal(0.5, dtype::f64)); },
      {random({9}, 68)});
}

TEST(Finite, TellsNanAndInfinitiesApart) {
  const Ref x{{5}, {nan, inf, -inf, 3e38, -0.0}};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      EXPECT_TRUE(equal(core::isnan(array(x, type)), Ref{{5}, {1, 0, 0, 0, 0}}));
      EXPECT_TRUE(equal(core::isfinite(array(x, type)), Ref{{5}, {0, 0, 0, 1, 1}}));
      EXPECT_TRUE(equal(core::isfinite(core::literal(inf, type)), Ref{{}, {0}}));
      EXPECT_TRUE(equal(core::isnan(core::literal(nan, type)), Ref{{}, {1}}));
    }
  });
}

// The facades take constants and variables, and give them on.
TEST(Elementary, TypedFacades) {
  const auto x = from<3>(std::vector<double>{0.25, 0.5, 0.75});
  const auto w = variable(from<3>(std::vector<double>{0.25, 0.5, 0.75}));
  const auto both = [&](auto f, double (*oracle)(double)) {
    EXPECT_TRUE(close(f(x), map(ref(x), oracle), 1e-14, 0));
    EXPECT_TRUE(equal(f(w), ref(f(x))));
  };
  both([](const auto& a) { return log1p(expm1(a)); }, [](double v) { return v; });
  both([](const auto& a) { return sin(a) * sin(a) + cos(a) * cos(a); }, [](double) { return 1.0; });
  both([](const auto& a) { return tan(atan(a)); }, [](double v) { return v; });
  both([](const auto& a) { return asin(a) + acos(a); }, [](double) { return std::acos(0.0); });
  both([](const auto& a) { return cosh(a) + sinh(a); }, [](double v) { return std::exp(v); });
  both([](const auto& a) { return rsqrt(pow(a, 4)) + pow(2, a) - pow(a, a); },
       [](double v) { return 1 / (v * v) + std::pow(2, v) - std::pow(v, v); });
  both([](const auto& a) { return floor(a) + ceil(a) + round(a * 2) + sign(a) + clamp(a, 0.3, 1); },
       [](double v) { return 2 + std::nearbyint(2 * v) + std::max(v, 0.3); });
  EXPECT_TRUE(equal(isfinite(w) && !isnan(x), full({3}, 1)));
}

}  // namespace
}  // namespace mushin::test
