// Every float opcode against long double: the bounds that the plugin header states, and the special values.
#include <cmath>
#include <functional>
#include <limits>

#include "backend.hpp"
#include "builtin.h"

namespace backend_test {
namespace {

using Exact = long double;
struct Rule {
  const char* name;
  int op;
  double bound;     // ULP
  Exact low, high;  // where random arguments come from, besides all bit patterns
  std::function<Exact(Exact)> exact;
};

Exact exact_sigmoid(Exact x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

const std::vector<Rule>& unary_rules() {
  static const std::vector<Rule> rules = {
      {"neg", MU_PW_NEG, 0, -9, 9, [](Exact x) { return -x; }},
      {"abs", MU_PW_ABS, 0, -9, 9, [](Exact x) { return std::fabs(x); }},
      {"sqrt", MU_PW_SQRT, 0.5, 0, 9, [](Exact x) { return std::sqrt(x); }},
      {"rsqrt", MU_PW_RSQRT, 2, 0, 9, [](Exact x) { return 1 / std::sqrt(x); }},
      {"exp", MU_PW_EXP, 2, -110, 92, [](Exact x) { return std::exp(x); }},
      {"log", MU_PW_LOG, 2, 0, 4, [](Exact x) { return std::log(x); }},
      {"sin", MU_PW_SIN, 4, -9990, 9990, [](Exact x) { return std::sin(x); }},
      {"cos", MU_PW_COS, 4, -9990, 9990, [](Exact x) { return std::cos(x); }},
      {"asin", MU_PW_ASIN, 4, -1, 1, [](Exact x) { return std::asin(x); }},
      {"acos", MU_PW_ACOS, 4, -1, 1, [](Exact x) { return std::acos(x); }},
      {"atan", MU_PW_ATAN, 4, -50, 50, [](Exact x) { return std::atan(x); }},
      {"tanh", MU_PW_TANH, 6, -11, 11, [](Exact x) { return std::tanh(x); }},
      {"erf", MU_PW_ERF, 8, -5, 5, [](Exact x) { return std::erf(x); }},
      {"floor", MU_PW_FLOOR, 0, -9, 9, [](Exact x) { return std::floor(x); }},
      {"ceil", MU_PW_CEIL, 0, -9, 9, [](Exact x) { return std::ceil(x); }},
      {"trunc", MU_PW_TRUNC, 0, -9, 9, [](Exact x) { return std::trunc(x); }},
      {"rint", MU_PW_RINT, 0, -9, 9, [](Exact x) { return std::rint(x); }},
      {"sigmoid", MU_PW_SIGMOID, 4, -110, 110, exact_sigmoid},
      {"expm1", MU_PW_EXPM1, 4, -3, 92, [](Exact x) { return std::expm1(x); }},
      {"log1p", MU_PW_LOG1P, 4, -1, 3, [](Exact x) { return std::log1p(x); }},
      {"relu", MU_PW_RELU, 0, -9, 9, [](Exact x) { return x < 0 ? Exact{0} : x; }},
  };
  return rules;
}

template <class T>
std::vector<T> specials() {
  using L = std::numeric_limits<T>;
  std::vector<T> v = {T(0),    T(1),     T(0.5),        T(2),           T(1.5),  T(2.5),   T(1e-4),      T(1e-10),           T(20),
                      T(88.5), T(88.73), T(104),        T(710),         T(0.25), L::min(), L::max(),     L::denorm_min(),    L::epsilon(),
                      T(1e4),  T(3e5),   L::infinity(), L::quiet_NaN(), T(3.92), T(7.9),   L::min() / 4, T(1) - L::epsilon()};
  const std::size_t n = v.size();
  for (std::size_t i = 0; i < n; ++i) v.push_back(-v[i]);
  return v;
}

template <class T>
T any_float(Random& r) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const Bits b = static_cast<Bits>(r.next());
  T x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

template <class T>
std::vector<T> arguments(Exact low, Exact high, std::uint64_t seed) {
  std::vector<T> x = specials<T>();
  Random r{seed};
  for (int i = 0; i < 20000; ++i) x.push_back(static_cast<T>(r.real(static_cast<double>(low), static_cast<double>(high))));
  for (int i = 0; i < 10000; ++i) x.push_back(static_cast<T>(r.real(-1, 1)));
  for (int i = 0; i < 5000; ++i) x.push_back(any_float<T>(r));
  return x;
}

template <class T>
class Opcodes : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  static constexpr mu_dtype type = dtype_of<T>;

  template <class R = T>
  std::vector<R> run(int op, const std::vector<std::vector<T>>& operands) {
    ProgramText p;
    int id[3] = {MU_PW_NONE, MU_PW_NONE, MU_PW_NONE};
    std::vector<mu_tensor> in;
    const auto n = static_cast<std::int64_t>(operands[0].size());
    for (std::size_t k = 0; k < operands.size(); ++k) {
      id[k] = p.input(type);
      const bool one = operands[k].size() == 1;
      in.push_back(view(operands[k], {n}, {one ? 0 : 1}));
    }
    p.out = {p.add(op, dtype_of<R>, id[0], id[1], id[2])};
    std::vector<R> out(operands[0].size());
    EXPECT_EQ(backend.pointwise(p, in, {view(out, {n})}), MU_OK) << backend.message();
    return out;
  }
};
using Floats = testing::Types<float, double>;
TYPED_TEST_SUITE(Opcodes, Floats);

TYPED_TEST(Opcodes, UnaryKeepTheirBounds) {
  using T = TypeParam;
  for (const Rule& rule : unary_rules()) {
    const std::vector<T> x = arguments<T>(rule.low, rule.high, 7), y = this->run(rule.op, {x});
    double worst = 0;
    T at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Exact exact = rule.exact(static_cast<Exact>(x[i]));
      double error = ulps(y[i], exact);
      const bool wave = rule.op == MU_PW_SIN || rule.op == MU_PW_COS;
      if (wave && std::abs(x[i]) > 1e4 && std::abs(static_cast<Exact>(y[i]) - exact) <= 1e-6L) error = 0;
      if (error > worst) worst = error, at = x[i];
    }
    EXPECT_LE(worst, rule.bound + 1e-3) << rule.name << " at " << at;
    testing::Test::RecordProperty(rule.name, std::to_string(worst));
  }
}

TYPED_TEST(Opcodes, LimitsAreExact) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity();
  const auto one = [&](int op, T x) { return this->run(op, {{x}})[0]; };
  EXPECT_EQ(one(MU_PW_TANH, inf), T(1));
  EXPECT_EQ(one(MU_PW_TANH, -inf), T(-1));
  EXPECT_EQ(one(MU_PW_ERF, inf), T(1));
  EXPECT_EQ(one(MU_PW_ERF, -inf), T(-1));
  EXPECT_EQ(one(MU_PW_SIGMOID, -inf), T(0));
  EXPECT_EQ(one(MU_PW_SIGMOID, inf), T(1));
  EXPECT_EQ(one(MU_PW_EXP, -inf), T(0));
  EXPECT_EQ(one(MU_PW_EXP, T(1000)), inf);
  EXPECT_EQ(one(MU_PW_EXP, T(-1000)), T(0));
  EXPECT_EQ(one(MU_PW_LOG, T(0)), -inf);
  EXPECT_TRUE(std::isnan(one(MU_PW_LOG, T(-1))));
  EXPECT_TRUE(std::isnan(one(MU_PW_SQRT, T(-1))));
  EXPECT_EQ(one(MU_PW_LOG1P, T(-1)), -inf);
  EXPECT_TRUE(std::isnan(one(MU_PW_SIN, inf)));
  for (const Rule& rule : unary_rules()) EXPECT_TRUE(std::isnan(one(rule.op, std::numeric_limits<T>::quiet_NaN()))) << rule.name;
}

// Pairs of arguments, both as vectors and one of them as a scalar.
template <class T>
struct Pairs {
  std::vector<T> a, b;
  Pairs() {
    for (T x : specials<T>())
      for (T y : specials<T>()) a.push_back(x), b.push_back(y);
    Random r{11};
    for (int i = 0; i < 4000; ++i) a.push_back(static_cast<T>(r.real(-9, 9))), b.push_back(static_cast<T>(r.real(-9, 9)));
  }
};

TYPED_TEST(Opcodes, BinaryKeepTheirBounds) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  struct Rule2 {
    int op;
    double bound;
    std::function<Exact(T, T)> exact;
  };
  const Rule2 rules[] = {
      {MU_PW_ADD, 0, [](T a, T b) -> Exact { return a + b; }},
      {MU_PW_SUB, 0, [](T a, T b) -> Exact { return a - b; }},
      {MU_PW_MUL, 0, [](T a, T b) -> Exact { return a * b; }},
      {MU_PW_DIV, 0, [](T a, T b) -> Exact { return a / b; }},
      {MU_PW_REM, 0, [](T a, T b) -> Exact { return std::fmod(a, b); }},
      {MU_PW_MIN, 0, [=](T a, T b) -> Exact { return std::isnan(a) || std::isnan(b) ? nan
                                                     : a < b                        ? a
                                                                                    : b; }},
      {MU_PW_MAX, 0, [=](T a, T b) -> Exact { return std::isnan(a) || std::isnan(b) ? nan
                                                     : a > b                        ? a
                                                                                    : b; }},
      {MU_PW_POW, 16, [](T a, T b) { return std::pow(static_cast<Exact>(a), static_cast<Exact>(b)); }},
      {MU_PW_STEP, 0, [](T a, T b) -> Exact { return a > 0 ? b : T(0); }},
  };
  const Pairs<T> pairs;
  for (const Rule2& rule : rules) {
    const std::vector<T> y = this->run(rule.op, {pairs.a, pairs.b});
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_LE(ulps(y[i], rule.exact(pairs.a[i], pairs.b[i])), rule.bound)
          << rule.op << ": " << pairs.a[i] << ", " << pairs.b[i] << " gave " << y[i];
    for (T s : specials<T>()) {
      const std::vector<T> right = this->run(rule.op, {pairs.a, {s}});
      for (std::size_t i = 0; i < right.size(); ++i)
        ASSERT_LE(ulps(right[i], rule.exact(pairs.a[i], s)), rule.bound) << rule.op << ": " << pairs.a[i] << ", scalar " << s;
    }
  }
}

// The exponents lead to results of every size, denormals and beyond infinity included.
TYPED_TEST(Opcodes, PowersOfAnyPositiveBaseAreNearlyExact) {
  using T = TypeParam;
  std::vector<T> a, b;
  Random r{12};
  for (int i = 0; i < 20000; ++i) {
    a.push_back(static_cast<T>(std::exp2(i % 4 ? r.real(-126, 128) : r.real(-1e-3, 1e-3))));
    b.push_back(static_cast<T>(r.real(-155, 135) / std::log2(static_cast<double>(a.back()))));
  }
  const std::vector<T> y = this->run(MU_PW_POW, {a, b});
  for (std::size_t i = 0; i < y.size(); ++i) {
    const Exact exact = std::pow(static_cast<Exact>(a[i]), static_cast<Exact>(b[i]));
    ASSERT_LE(ulps(y[i], exact), 1) << a[i] << " to " << b[i] << " gave " << y[i];
    if (i < 200) {
      ASSERT_EQ(this->run(MU_PW_POW, {{a[i]}, {b[i]}})[0], y[i]) << "alone";
    }
  }
}

TYPED_TEST(Opcodes, FmaRoundsOnceAndMulAddTwice) {
  using T = TypeParam;
  std::vector<T> a, b, c;
  Random r{5};
  for (int i = 0; i < 999; ++i) {
    a.push_back(static_cast<T>(r.real(-2, 2))), b.push_back(static_cast<T>(r.real(-2, 2)));
    c.push_back(-a.back() * b.back());
  }
  const std::vector<T> once = this->run(MU_PW_FMA, {a, b, c});
  for (std::size_t i = 0; i < once.size(); ++i) ASSERT_EQ(once[i], std::fma(a[i], b[i], c[i]));
  ProgramText p;
  const int x = p.input(this->type), y = p.input(this->type), z = p.input(this->type);
  p.out = {p.add(MU_PW_ADD, this->type, p.add(MU_PW_MUL, this->type, x, y), z)};
  std::vector<T> twice(a.size());
  ASSERT_EQ(this->backend.pointwise(p, {view(a, {999}), view(b, {999}), view(c, {999})}, {view(twice, {999})}), MU_OK);
  for (std::size_t i = 0; i < twice.size(); ++i) ASSERT_EQ(twice[i], T(0));
}

TYPED_TEST(Opcodes, ComparisonsAndNan) {
  using T = TypeParam;
  const Pairs<T> pairs;
  const std::pair<int, std::function<bool(T, T)>> rules[] = {{MU_PW_EQ, std::equal_to<T>()}, {MU_PW_NE, std::not_equal_to<T>()},
                                                             {MU_PW_LT, std::less<T>()},     {MU_PW_LE, std::less_equal<T>()},
                                                             {MU_PW_GT, std::greater<T>()},  {MU_PW_GE, std::greater_equal<T>()}};
  for (const auto& [op, exact] : rules) {
    const std::vector<std::uint8_t> y = this->template run<std::uint8_t>(op, {pairs.a, pairs.b});
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_EQ(y[i], exact(pairs.a[i], pairs.b[i])) << op << ": " << pairs.a[i] << ", " << pairs.b[i];
  }
  const std::vector<std::uint8_t> y = this->template run<std::uint8_t>(MU_PW_ISNAN, {pairs.a});
  for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], std::isnan(pairs.a[i]));
}

}  // namespace
}  // namespace backend_test
