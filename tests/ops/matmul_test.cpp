#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

struct Case {
  Index a, b;
};
const Case cases[] = {
    {{1, 1}, {1, 1}},          {{2, 3}, {3, 4}},
    {{3, 1}, {1, 5}},          {{1, 7}, {7, 1}},
    {{17, 33}, {33, 9}},       {{32, 32}, {32, 32}},
    {{48, 48}, {48, 48}},      {{49, 50}, {50, 51}},
    {{64, 65}, {65, 66}},      {{100, 200}, {200, 3}},
    {{3, 200}, {200, 100}},    {{128, 1}, {1, 128}},
    {{1, 500}, {500, 300}},    {{300, 500}, {500, 1}},
    {{130, 257}, {257, 140}},  {{5, 2, 3}, {5, 3, 4}},
    {{5, 2, 3}, {3, 4}},       {{2, 3}, {5, 3, 4}},
    {{2, 1, 2, 3}, {4, 3, 5}}, {{6, 40, 41}, {6, 41, 42}},
    {{7, 30, 64}, {64, 65}},   {{0, 3}, {3, 2}},
    {{2, 0}, {0, 3}},          {{2, 3}, {3, 0}},
    {{0, 2, 3}, {3, 4}},       {{1, 1, 1, 1, 2, 1, 3, 4}, {2, 1, 3, 1, 1, 2, 4, 2}},
};

/// k additions in sequence, of products up to 1.
double bound(dtype type, const Case& c) { return tolerance(type, 4 + static_cast<double>(c.a.back()) / 2); }

Ref transposed(const Ref& a) {
  std::vector<int> order(a.shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(a, order);
}

TEST(Matmul, EqualsTheOracle) {
  for (const bool whole : {false, true})
    for (const Case& c : cases) {
      const Ref a = whole ? random_integers(c.a, 60, 100) : random(c.a, 60), b = whole ? random_integers(c.b, 61, 100) : random(c.b, 61);
      const Ref want = matmul(a, b);
      on_every_device([&] {
        for (dtype type : {dtype::f32, dtype::f64, dtype::i32, dtype::i64}) {
          if (whole != is_integer(type)) continue;
          EXPECT_TRUE(close(core::matmul(array(a, type), array(b, type)), want, 0, bound(type, c)))
              << name_of(type) << " " << text_of(c.a) << " " << text_of(c.b);
        }
        // Summed in float, rounded once.
        for (dtype type : {dtype::f16, dtype::bf16}) {
          if (whole) continue;
          EXPECT_TRUE(close(core::matmul(array(a, type), array(b, type)), matmul(rounded(a, type), rounded(b, type)), tolerance(type, 1),
                            bound(dtype::f32, c)))
              << name_of(type) << " " << text_of(c.a) << " " << text_of(c.b);
        }
      });
    }
}

TEST(Matmul, OfTransposedAndSlicedViews) {
  on_every_device([&] {
    for (const Case& c : cases) {
      const Ref a = random(c.a, 62), b = random(c.b, 63), want = matmul(a, b);
      const Array x = array(a, dtype::f32), y = array(b, dtype::f32);
      const Array xt = core::transpose(array(transposed(a), dtype::f32)), yt = core::transpose(array(transposed(b), dtype::f32));
      EXPECT_TRUE(close(core::matmul(xt, y), want, 0, bound(dtype::f32, c))) << "a, " << text_of(c.a) << " " << text_of(c.b);
      EXPECT_TRUE(close(core::matmul(x, yt), want, 0, bound(dtype::f32, c))) << "b, " << text_of(c.a) << " " << text_of(c.b);
      EXPECT_TRUE(close(core::matmul(xt, yt), want, 0, bound(dtype::f32, c))) << "both, " << text_of(c.a) << " " << text_of(c.b);
    }
    const Ref wide = random({80, 90}, 64), b = random({50, 60}, 65);
    EXPECT_TRUE(close(core::matmul(core::slice(array(wide, dtype::f32), 1, 20, 70), array(b, dtype::f32)),
                      matmul(slice(wide, 1, 20, 70), b), 0, 1e-5));
    EXPECT_TRUE(close(core::matmul(core::broadcast_to(array(Ref{{1}, {2}}, dtype::f32), {70, 50}), array(b, dtype::f32)),
                      matmul(full({70, 50}, 2), b), 0, 3e-5));
  });
}

TEST(Matmul, OfRankOne) {
  const Ref a = random({70}, 66), b = random({70, 30}, 67), v = random({30}, 68);
  const Ref row{{1, 70}, a.values}, column{{30, 1}, v.values}, as_column{{70, 1}, a.values};
  on_every_device([&] {
    const Array x = array(a, dtype::f64), m = array(b, dtype::f64), w = array(v, dtype::f64);
    EXPECT_TRUE(close(core::matmul(x, m), Ref{{30}, matmul(row, b).values}, 1e-13, 1e-13));
    EXPECT_TRUE(close(core::matmul(m, w), Ref{{70}, matmul(b, column).values}, 1e-13, 1e-13));
    EXPECT_TRUE(close(core::matmul(x, x), Ref{{}, matmul(row, as_column).values}, 1e-13, 1e-13));
  });
}

// What follows a product may be computed with it: the same values either way.
TEST(Matmul, FollowedByBiasAndActivation) {
  struct Tail {
    const char* name;
    Array (*apply)(const Array& product, const Array& bias, const Array& other);
    double (*oracle)(double x, double bias, double other);
  };
  const Tail tails[] = {
      {"bias", [](const Array& x, const Array& b, const Array&) { return core::add(x, b); },
       [](double x, double b, double) { return x + b; }},
      {"relu", [](const Array& x, const Array& b, const Array&) { return core::relu(core::add(x, b)); },
       [](double x, double b, double) { return std::max(x + b, 0.0); }},
      {"tanh", [](const Array& x, const Array& b, const Array&) { return core::tanh(core::add(x, b)); },
       [](double x, double b, double) { return std::tanh(x + b); }},
      {"sigmoid", [](const Array& x, const Array& b, const Array&) { return core::sigmoid(core::add(b, x)); },
       [](double x, double b, double) { return 1 / (1 + std::exp(-x - b)); }},
      {"residual", [](const Array& x, const Array& b, const Array& o) { return core::add(core::sub(x, b), o); },
       [](double x, double b, double o) { return x - b + o; }},
      {"gated", [](const Array& x, const Array&, const Array& o) { return core::step(o, x); },
       [](double x, double, double o) { return o > 0 ? x : 0.0; }},
      {"squared", [](const Array& x, const Array& b, const Array&) { return core::add(core::mul(x, x), b); },
       [](double x, double b, double) { return x * x + b; }},
  };
  for (const Case& c : {Case{{8, 9}, {9, 10}}, Case{{128, 120}, {120, 257}}, Case{{3, 70, 80}, {3, 80, 60}}}) {
    const Ref a = random(c.a, 69), b = random(c.b, 70), product = matmul(a, b), bias = random({c.b.back()}, 71),
              other = random(product.shape, 72);
    for (const Tail& t : tails) {
      const Ref want = generate(product.shape, [&](const Index& p) { return t.oracle(product.at(p), bias.at({p.back()}), other.at(p)); });
      on_every_device([&] {
        const Array got =
            t.apply(core::matmul(array(a, dtype::f32), array(b, dtype::f32)), array(bias, dtype::f32), array(other, dtype::f32));
        EXPECT_TRUE(close(got, want, 1e-5, 2e-5)) << t.name << " " << text_of(c.a);
      });
    }
  }
}

TEST(Matmul, SpecialValues) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  on_every_device([&] {
    for (const std::int64_t n : {4, 100}) {
      Ref a = full({n, n}, 1), b = full({n, n}, 1);
      a.at({1, 2}) = nan, a.at({2, 3}) = HUGE_VAL, b.at({0, 3}) = 0;
      const Ref got = ref(core::matmul(array(a, dtype::f32), array(b, dtype::f32)));
      EXPECT_TRUE(std::isnan(got.at({1, 0})));
      EXPECT_EQ(got.at({2, 0}), HUGE_VAL);
      EXPECT_EQ(got.at({3, 3}), static_cast<double>(n - 1));
      EXPECT_EQ(got.at({0, 0}), static_cast<double>(n));
      a.at({2, 3}) = HUGE_VAL, b.at({3, 1}) = 0;
      EXPECT_TRUE(std::isnan(ref(core::matmul(array(a, dtype::f32), array(b, dtype::f32))).at({2, 1}))) << "inf * 0";
    }
  });
}

TEST(Matmul, Gradients) {
  for (const Case& c : {Case{{2, 3}, {3, 2}}, Case{{2, 2, 3}, {2, 3, 1}}, Case{{2, 2, 3}, {3, 2}}, Case{{2, 3}, {2, 3, 1}},
                        Case{{3}, {3, 2}}, Case{{2, 3}, {3}}, Case{{3}, {3}}, Case{{2, 1, 1, 2}, {3, 2, 1}}}) {
    SCOPED_TRACE(text_of(c.a) + " " + text_of(c.b));
    check_gradients([](const auto& in) { return core::matmul(in[0], in[1]); }, {random(c.a, 73), random(c.b, 74)});
  }
  for (const Case& c : {Case{{3, 2}, {4, 3}}, Case{{2, 3, 2}, {2, 4, 3}}, Case{{5, 3, 2}, {4, 3}}}) {
    SCOPED_TRACE("transposed " + text_of(c.a) + " " + text_of(c.b));
    check_gradients([](const auto& in) { return core::matmul(core::transpose(in[0]), core::transpose(in[1])); },
                    {random(c.a, 77), random(c.b, 78)});
  }
  check_gradients([](const auto& in) { return core::matmul(in[0], in[0]); }, {random({3, 3}, 75)});
  check_gradients([](const auto& in) { return core::matmul(core::transpose(in[0]), core::tanh(in[0])); }, {random({3, 2}, 76)});
}

}  // namespace
}  // namespace mushin::test
