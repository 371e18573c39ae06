#include "mushin/tensor/ops/index.hpp"

#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

TEST(Index, GatherAlongEachAxis) {
  const Array a = array({2, 3}, {1, 2, 3, 4, 5, 6});
  const Array i = array({2, 2}, {2, 0, 1, 1}, dtype::i64), j = array({1, 3}, {1, 0, 1}, dtype::i64);
  for (const Array& data : {a, scattered(a)}) {
    EXPECT_EQ(values(gather(data, 1, i)), (Values{3, 1, 5, 5}));
    EXPECT_EQ(values(gather(data, 0, j)), (Values{4, 2, 6}));
    EXPECT_EQ(values(gather(data, 1, scattered(i))), (Values{3, 1, 5, 5}));
  }
  EXPECT_EQ(values(gather(cast(a, dtype::f64), 0, broadcast_to(array({1, 1}, {1}, dtype::i64), {4, 3}))),
            (Values{4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6}));
}

TEST(Index, ScatterAddIsItsAdjoint) {
  const Array base = array({2, 3}, {1, 1, 1, 1, 1, 1}), i = array({2, 2}, {2, 2, 0, 1}, dtype::i64), u = array({2, 2}, {10, 20, 30, 40});
  EXPECT_EQ(values(scatter_add(base, 1, i, u)), (Values{1, 1, 31, 31, 41, 1}));
  EXPECT_EQ(values(base), Values(6, 1));
  EXPECT_EQ(values(scatter_add(full({2, 3}, dtype::f32, 0), 1, i, u)), (Values{0, 0, 30, 30, 40, 0}));
  EXPECT_EQ(values(scatter_add(scattered(base), 1, scattered(i), scattered(u))), (Values{1, 1, 31, 31, 41, 1}));
}

TEST(Index, OneHot) {
  const Array i = array({3}, {2, 0, 1}, dtype::i64);
  EXPECT_EQ(values(one_hot(i, 3, dtype::f32)), (Values{0, 0, 1, 1, 0, 0, 0, 1, 0}));
  EXPECT_TRUE(one_hot(array({2, 2}, {0, 0, 1, 1}, dtype::i64), 4, dtype::f64).sizes() == (Sizes{2, 2, 4}));
}

TEST(Index, AnIndexOutsideIsAnError) {
  const Array a = array({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::string text = error_of<ShapeError>([&] { gather(a, 1, array({2, 1}, {0, 3}, dtype::i64)); });
  EXPECT_EQ(text.rfind("[gather] ", 0), 0u) << text;
  EXPECT_NE(text.find('3'), std::string::npos) << text;
  EXPECT_EQ(error_of<ShapeError>([&] { one_hot(array({1}, {-1}, dtype::i64), 3, dtype::f32); }).rfind("[one_hot] ", 0), 0u);
  EXPECT_EQ(error_of<ShapeError>([&] {
              gather(a, 1, array({3, 1}, {0, 0, 0}, dtype::i64));
            }),
            "[gather] the indices' sizes differ elsewhere than in axis 1: (2, 3) and (3, 1)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              scatter_add(a, 1, array({2, 1}, {0, 0}, dtype::i64), array({2, 2}, {1, 2, 3, 4}), true);
            }),
            "[scatter_add] updates and indices differ: (2, 2) and (2, 1)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              one_hot(array({1, 1, 1, 1, 1, 1, 1, 1}, {0}, dtype::i64), 3, dtype::f32);
            }),
            "[one_hot] more than 8 axes: (1, 1, 1, 1, 1, 1, 1, 1)");
}

Values softmax_of(const Values& x, std::size_t rows, std::size_t n, bool log) {
  Values r(x.size());
  for (std::size_t i = 0; i < rows; ++i) {
    double most = -INFINITY, total = 0;
    for (std::size_t k = 0; k < n; ++k) most = std::max(most, x[i * n + k]);
    for (std::size_t k = 0; k < n; ++k) total += std::exp(x[i * n + k] - most);
    for (std::size_t k = 0; k < n; ++k) r[i * n + k] = log ? x[i * n + k] - most - std::log(total) : std::exp(x[i * n + k] - most) / total;
  }
  return r;
}

TEST(Softmax, FollowsTheOracleOverEachAxis) {
  for (dtype t : {dtype::f32, dtype::f64}) {
    const Values x = random_values(6 * 10, -30, 30, t);
    const Array a = array({6, 10}, x, t);
    const double tolerance = t == dtype::f32 ? 2e-5 : 1e-12;
    for (const Array& view : {a, scattered(a)}) {
      expect_near(values(softmax(view, 1)), softmax_of(x, 6, 10, false), tolerance);
      expect_near(values(log_softmax(view, 1)), softmax_of(x, 6, 10, true), tolerance, "", 1);
      expect_near(values(transpose(softmax(transpose(view), 0))), softmax_of(x, 6, 10, false), tolerance);
    }
  }
}

TEST(Softmax, BackwardIsTheDerivative) {
  const Values x = random_values(20, -2, 2, dtype::f64), g = random_values(20, -1, 1, dtype::f64, 2);
  const Array a = array({4, 5}, x, dtype::f64), dy = array({4, 5}, g, dtype::f64);
  for (bool log : {false, true}) {
    const Values got = log ? values(log_softmax_backward(log_softmax(a, 1), dy, 1)) : values(softmax_backward(softmax(a, 1), dy, 1));
    for (std::size_t i = 0; i < 20; ++i) {
      Values up = x, down = x;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      const Values u = softmax_of(up, 4, 5, log), d = softmax_of(down, 4, 5, log);
      double slope = 0;
      for (std::size_t k = 0; k < 20; ++k) slope += (u[k] - d[k]) / 2e-6 * g[k];
      EXPECT_NEAR(got[i], slope, 1e-7);
    }
  }
}

}  // namespace
}  // namespace mushin::core::test
