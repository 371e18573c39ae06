// vjp and jvp against closed forms and differences.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

const auto cubes = [](const auto& p) { return p * p * p; };

TEST(Transforms, VjpPullsManyCotangents) {
  const auto x = tensor<double, 3>({1, 2, 3});
  const auto [value, pull] = vjp(cubes, x);
  static_assert(std::same_as<decltype(value), const Tensor<double, 3>>);
  EXPECT_TRUE(equal(value, Ref{{3}, {1, 8, 27}}));
  EXPECT_TRUE(equal(pull(tensor<double, 3>({1, 0, 2})), Ref{{3}, {3, 0, 54}}));
  EXPECT_TRUE(equal(pull(tensor<double, 3>({0, -1, 0})), Ref{{3}, {0, -12, 0}}));
}

TEST(Transforms, SeveralArguments) {
  const auto a = tensor<double, 2, 2>({1, 2, 3, 4});
  const auto b = tensor<double, 2>({5, 6});
  const auto product = [](const auto& m, const auto& v) { return matmul(m, v); };
  const auto [value, pull] = vjp(product, a, b);
  const auto [ga, gb] = pull(tensor<double, 2>({1, 2}));
  EXPECT_TRUE(equal(value, Ref{{2}, {17, 39}}));
  EXPECT_TRUE(equal(ga, Ref{{2, 2}, {5, 6, 10, 12}}));
  EXPECT_TRUE(equal(gb, Ref{{2}, {7, 10}}));
  const auto d = jvp(product)(std::tuple{a, b}, std::tuple{tensor<double, 2, 2>({1, 0, 0, 1}), tensor<double, 2>({1, -1})});
  static_assert(std::same_as<decltype(d), const Tensor<double, 2>>);
  EXPECT_TRUE(equal(d, Ref{{2}, {4, 5}}));
}

TEST(Transforms, JvpAgainstDifferences) {
  const auto x = tensor<double, 3>({0.3, -1, 2});
  const auto t = tensor<double, 3>({1, 0.5, -2});
  const auto f = [](const auto& p) { return softmax<0>(sin(p) * p); };
  const auto d = jvp(f)(x, t);
  const auto difference = (f(x + t * 1e-5) - f(x - t * 1e-5)) / 2e-5;
  EXPECT_LT(max(abs(d - difference)).item(), 1e-8);
  EXPECT_GT(max(abs(d)).item(), 0.1);
}

TEST(Transforms, JvpOfAGradientIsHessianTimesVector) {
  const auto slope = [](const auto& p) { return grad<create_graph>(sum(p * p * p), p); };
  const auto x = variable(tensor<double, 2>({1, 2}));
  const auto d = jvp(slope)(x, tensor<double, 2>({3, -1}));
  EXPECT_TRUE(equal(d, Ref{{2}, {18, -12}}));
}

TEST(Transforms, ALinearFunctionIsItsOwnDerivative) {
  const auto d = jvp([](const auto& p) { return sum(p); })(ones<double, 2, 2>(), tensor<double, 2, 2>({1, 2, 3, 4}));
  static_assert(std::same_as<decltype(d), const Tensor<double>>);
  EXPECT_EQ(d.item(), 10);
}

TEST(Transforms, SizesThatOnlyTheRunKnows) {
  constexpr Dim<"n"> n;
  const auto x = ones<double, n>(n = 3), one = ones<double, n>(n = 1);
  EXPECT_TRUE(throws<ShapeError>([&] { jvp(cubes)(x, one); }, "[jvp] sizes differ at run time: a is (3), b is (1)"));
  const auto at_x = vjp(cubes, x);
  EXPECT_TRUE(throws<GraphError>([&] { at_x.pull(one); }, "[vjp] the cotangent has the result's shape: (3) and (1)"));
  EXPECT_EQ(sum(at_x.pull(at_x.value)).item(), 9);
}

}  // namespace
}  // namespace mushin::test
