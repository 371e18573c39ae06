#include "support.hpp"

#include <limits>

namespace mushin::core::test {
namespace {

struct Unary {
  const char* name;
  Array (*op)(const Array&);
  double (*oracle)(double);
  double low, high, ulp;
};
const Unary unaries[] = {
    {"neg", neg, [](double x) { return -x; }, -5, 5, 0},
    {"abs", abs, [](double x) { return std::fabs(x); }, -5, 5, 0},
    {"exp", exp, [](double x) { return std::exp(x); }, -20, 20, 2},
    {"log", log, [](double x) { return std::log(x); }, 0.01, 100, 2},
    {"tanh", tanh, [](double x) { return std::tanh(x); }, -5, 5, 6},
    {"erf", erf, [](double x) { return std::erf(x); }, -4, 4, 8},
    {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0, 100, 0.5},
    {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -10, 10, 4},
    {"relu", relu, [](double x) { return x > 0 ? x : 0; }, -5, 5, 0},
};
struct Binary {
  const char* name;
  Array (*op)(const Array&, const Array&);
  double (*oracle)(double, double);
  bool compares;
};
const Binary binaries[] = {
    {"add", add, [](double x, double y) { return x + y; }, false},
    {"sub", sub, [](double x, double y) { return x - y; }, false},
    {"mul", mul, [](double x, double y) { return x * y; }, false},
    {"div", div, [](double x, double y) { return x / y; }, false},
    {"maximum", maximum, [](double x, double y) { return x > y ? x : y; }, false},
    {"minimum", minimum, [](double x, double y) { return x < y ? x : y; }, false},
    {"step", step, [](double x, double y) { return x > 0 ? y : 0; }, false},
    {"equal", equal, [](double x, double y) { return double(x == y); }, true},
    {"not_equal", not_equal, [](double x, double y) { return double(x != y); }, true},
    {"less", less, [](double x, double y) { return double(x < y); }, true},
    {"less_equal", less_equal, [](double x, double y) { return double(x <= y); }, true},
    {"greater", greater, [](double x, double y) { return double(x > y); }, true},
    {"greater_equal", greater_equal, [](double x, double y) { return double(x >= y); }, true},
};

double epsilon(dtype t) { return t == dtype::f32 ? 0x1p-23 : t == dtype::f64 ? 0x1p-52 : 0; }

TEST(Pointwise, UnaryOpsFollowTheOracle) {
  for (const Unary& u : unaries)
    for (dtype t : {dtype::f32, dtype::f64})
      for (const Sizes& s : {Sizes{}, Sizes{1}, Sizes{7}, Sizes{3, 5}, Sizes{2, 3, 41}, Sizes{5000}}) {
        const Values x = random_values(static_cast<std::size_t>(s.count()), u.low, u.high, t);
        Values want;
        for (double v : x) want.push_back(u.oracle(v));
        const Array a = array(s, x, t);
        expect_near(values(u.op(a)), want, (u.ulp + 0.5) * epsilon(t), u.name);
        if (s.rank) expect_near(values(u.op(scattered(a))), want, (u.ulp + 0.5) * epsilon(t), std::string(u.name) + " of a view");
      }
}

TEST(Pointwise, BinaryOpsBroadcastAndTakeViews) {
  const struct {
    Sizes a, b, r;
  } shapes[] = {{{4}, {4}, {4}},
                {{3, 5}, {5}, {3, 5}},
                {{3, 1}, {1, 4}, {3, 4}},
                {{}, {2, 3}, {2, 3}},
                {{2, 3}, {}, {2, 3}},
                {{1}, {1}, {1}},
                {{2, 1, 3}, {4, 1}, {2, 4, 3}},
                {{6, 7}, {6, 1}, {6, 7}},
                {{40, 50}, {40, 50}, {40, 50}},
                {{0, 3}, {3}, {0, 3}},
                {{1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1, 2, 1}, {2, 2, 2, 2, 2, 2, 2, 2}}};
  for (const Binary& b : binaries)
    for (dtype t : {dtype::f32, dtype::f64, dtype::i64})
      for (const auto& shape : shapes) {
        if (b.op == step && t == dtype::i64) continue;
        const Values x = random_values(static_cast<std::size_t>(shape.a.count()), -9, 9, t, 1),
                     y = random_values(static_cast<std::size_t>(shape.b.count()), -9, 9, t, 2);
        Values want;
        for (std::int64_t i = 0; i < shape.r.count(); ++i) {
          const double u = x[source_index(i, shape.r, shape.a)], v = y[source_index(i, shape.r, shape.b)];
          double r = b.oracle(u, v);
          if (t == dtype::i64 && b.op == div) r = v == 0 ? 0 : std::trunc(u / v);
          want.push_back(r);
        }
        const Array p = array(shape.a, x, t), q = array(shape.b, y, t);
        const Array r = b.op(p, q);
        EXPECT_EQ(r.type(), b.compares ? dtype::b8 : t);
        EXPECT_TRUE(r.sizes() == shape.r);
        expect_near(values(r), want, epsilon(t), b.name);
        expect_near(values(b.op(scattered(p), q)), want, epsilon(t), b.name);
        expect_near(values(b.op(scattered(p), scattered(q))), want, epsilon(t), b.name);
      }
}

TEST(Pointwise, SelectAndLogic) {
  const Array x = array({2, 3}, {1, 2, 3, 4, 5, 6}), y = array({3}, {-1, -2, -3});
  const Array c = array({2, 1}, {1, 0}, dtype::b8);
  EXPECT_EQ(values(where(c, x, y)), (Values{1, 2, 3, -1, -2, -3}));
  const Array p = array({4}, {0, 0, 1, 1}, dtype::b8), q = array({4}, {0, 1, 0, 1}, dtype::b8);
  EXPECT_EQ(values(logical_and(p, q)), (Values{0, 0, 0, 1}));
  EXPECT_EQ(values(logical_or(p, q)), (Values{0, 1, 1, 1}));
  EXPECT_EQ(values(logical_not(p)), (Values{1, 1, 0, 0}));
}

TEST(Pointwise, CastsConvertAsTheBoundarySays) {
  const double inf = std::numeric_limits<double>::infinity();
  const Array x = array({6}, {-1.7, 0, 2.5, 1e30, NAN, -inf});
  EXPECT_EQ(values(cast(x, dtype::i64)), (Values{-1, 0, 2, 0x1p63, 0, -0x1p63}));
  EXPECT_EQ(values(cast(x, dtype::b8)), (Values{1, 0, 1, 1, 1, 1}));
  EXPECT_EQ(values(cast(array({3}, {1, 2, -3}, dtype::i64), dtype::f64)), (Values{1, 2, -3}));
  EXPECT_EQ(values(cast(array({2}, {0, 1}, dtype::b8), dtype::f32)), (Values{0, 1}));
  EXPECT_EQ(cast(x, dtype::f32).node(), x.node());
}

TEST(Pointwise, NaNsPropagate) {
  const Array x = array({4}, {NAN, 1, NAN, 2}), y = array({4}, {1, NAN, NAN, 3});
  expect_near(values(maximum(x, y)), {NAN, NAN, NAN, 3}, 0);
  expect_near(values(minimum(x, y)), {NAN, NAN, NAN, 2}, 0);
  expect_near(values(relu(x)), {NAN, 1, NAN, 2}, 0);
}

TEST(Pointwise, IntegersBeyondFloatsStayExact) {
  const std::int64_t big[2] = {(1LL << 62) + 1, INT64_MAX}, one[2] = {1, 1};
  const Array r = add(from_values({2}, dtype::i64, big), from_values({2}, dtype::i64, one));
  std::int64_t got[2];
  read_all(r, got);
  EXPECT_EQ(got[0], (1LL << 62) + 2);
  EXPECT_EQ(got[1], INT64_MIN);
}

}  // namespace
}  // namespace mushin::core::test
