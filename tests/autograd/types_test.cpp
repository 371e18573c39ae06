// Variables of every float type: gradients come in the operand's.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

template <class T>
class FloatTypes : public testing::Test {};
using All = testing::Types<float, double, f16, bf16>;
TYPED_TEST_SUITE(FloatTypes, All);

TYPED_TEST(FloatTypes, GradientsAreOfTheOperandsType) {
  using T = TypeParam;
  auto w = variable(tensor<T, 2, 2>({T(1), T(2), T(3), T(4)}));
  auto z = sum(w * w * 3 - w / 2);
  static_assert(std::same_as<decltype(z), Traced<T>>);
  z.backward();
  static_assert(std::same_as<decltype(w.grad()), Tensor<T, 2, 2>>);
  EXPECT_TRUE(equal(w.grad(), Ref{{2, 2}, {5.5, 11.5, 17.5, 23.5}}));
  EXPECT_TRUE(equal(grad(sum(matmul(w, w)), w), Ref{{2, 2}, {7, 11, 9, 13}}));
  EXPECT_TRUE(equal(grad(mean(w), w), Ref{{2, 2}, {0.25, 0.25, 0.25, 0.25}}));
  EXPECT_TRUE(equal(grad(max(relu(w)), w), Ref{{2, 2}, {0, 0, 0, 1}}));
  const auto first = grad<create_graph>(sum(w * w * w), w);
  EXPECT_TRUE(equal(grad(sum(first), w), Ref{{2, 2}, {6, 12, 18, 24}}));
}

TYPED_TEST(FloatTypes, ThroughCastsSoftmaxAndIndices) {
  using T = TypeParam;
  auto w = variable(tensor<T, 2, 3>({T(1), T(2), T(3), T(0), T(0), T(0)}));
  const auto g = grad(sum(w.template to<float>() * w.template to<double>().template to<float>()), w);
  static_assert(std::same_as<decltype(g), const Tensor<T, 2, 3>>);
  EXPECT_TRUE(equal(g, Ref{{2, 3}, {2, 4, 6, 0, 0, 0}}));
  const auto labels = tensor<std::int64_t, 2, 1>({2, 0});
  const auto loss = -mean(gather<1>(log_softmax<1>(w), labels));
  EXPECT_TRUE(close(grad(loss, w), Ref{{2, 3}, {0.0450153, 0.1223642, -0.1673796, -1 / 3.0, 1 / 6.0, 1 / 6.0}}, 0.02, 2e-3));
  EXPECT_TRUE(equal(grad(sum(take(w, tensor<std::int64_t, 3>({1, 1, 0}))), w), Ref{{2, 3}, {1, 1, 1, 2, 2, 2}}));
}

// The gradient of a mean over more than f16 can count.
TEST(MeanOfMany, CountsInFloat) {
  auto w = variable(fill<f16, 100000>(1));
  EXPECT_EQ(mean(w).value().item(), f16(1));
  EXPECT_TRUE(close(grad(mean(w), w), full({100000}, 1e-5), 0.01, 0));
}

}  // namespace
}  // namespace mushin::test
