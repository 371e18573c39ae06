// Variables, differentiable values and their types.
#include <gtest/gtest.h>

#include <optional>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

template <class A, class B>
inline constexpr bool same = std::same_as<A, B>;
inline constexpr Dim<"batch"> batch;

TEST(Variable, SeedExample) {
  auto x = eye<2, 3>(3.0f);
  auto w = variable(randn<3, 2>());
  auto b = variable(fill<3, 3>(0.0f));
  auto z = matmul(w, x) + b;
  static_assert(same<decltype(z), Traced<float, 3, 3>>);
  z.backward();
  auto dw = w.grad();
  auto db = b.grad();
  static_assert(same<decltype(dw), Tensor<float, 3, 2>> && same<decltype(db), Tensor<float, 3, 3>>);
  EXPECT_TRUE(equal(dw, full({3, 2}, 3)));
  EXPECT_TRUE(equal(db, full({3, 3}, 1)));
}

TEST(Variable, MovesAndIsClonedAloud) {
  static_assert(!std::is_copy_constructible_v<Variable<float, 2>> && std::is_nothrow_move_constructible_v<Variable<float, 2>>);
  std::vector<Variable<float, 2>> many;
  many.push_back(variable(tensor<2>({1, 2})));
  auto z = many[0] * many[0];
  many.push_back(many[0].clone());
  many.emplace_back(zeros<2>());
  z.backward();
  EXPECT_TRUE(equal(many[0].grad(), Ref{{2}, {2, 4}}));
  EXPECT_TRUE(equal(many[1].grad(), full({2}, 0)));
  auto call = [w = std::move(many[0])](const auto& x) { return x * w; };
  static_assert(same<decltype(call(zeros<2>())), Traced<float, 2>>);
  many[1] = std::move(many[2]);
  EXPECT_TRUE(equal(many[1].value(), full({2}, 0)));
}

TEST(Variable, SetReplacesTheValueForLaterGraphs) {
  auto w = variable(tensor<2>({1, 2}));
  auto before = w * w;
  w.set(tensor<2>({10, 20}));
  auto after = w * w;
  EXPECT_TRUE(equal(after.value(), Ref{{2}, {100, 400}}));
  EXPECT_TRUE(equal(grad(before, w), Ref{{2}, {2, 4}}));
  EXPECT_TRUE(equal(grad(after, w), Ref{{2}, {20, 40}}));
}

TEST(Variable, TwoValuesOfOneVariableAreNoSquare) {
  auto w = variable(tensor<2>({1, 2}));
  const Traced<float, 2> before = w;
  w.set(tensor<2>({10, 20}));
  EXPECT_TRUE(equal(grad(before * w, w), Ref{{2}, {11, 22}}));
}

TEST(Variable, SetKeepsTheSizesOfNames) {
  auto w = variable(ones<batch, 2>(batch = 3));
  EXPECT_TRUE(
      throws<ShapeError>([&] { w.set(ones<batch, 2>(batch = 4)); }, "[set] the new value has the variable's shape: (3, 2) and (4, 2)"));
  EXPECT_EQ(w.size(batch), 3);
}

TEST(Variable, FreezesAndUnfreezes) {
  auto w = variable(tensor<2>({1, 2}));
  auto k = w.freeze();
  static_assert(same<decltype(k), Tensor<float, 2>>);
  auto v = k.unfreeze();
  static_assert(same<decltype(v), Variable<float, 2>>);
  (v * w).backward();
  EXPECT_TRUE(equal(v.grad(), Ref{{2}, {1, 2}}));
  EXPECT_EQ(k.raw().node(), w.value().raw().node());
}

TEST(Variable, ToldItsShape) {
  auto w = variable(ones<batch, 2>(batch = 3));
  auto z = w * 2;
  EXPECT_EQ(w.rank(), 2u);
  EXPECT_EQ(w.size(), 6);
  EXPECT_EQ(z.size(batch), 3);
  EXPECT_EQ(z.shape(), (core::Sizes{3, 2}));
  EXPECT_EQ(z.dtype(), dtype::f32);
}

TEST(Traced, StartsLoopsFromConstants) {
  auto p = variable(tensor<2>({2, 3}));
  Traced<float, 2> h{ones<2>()};
  for (int i = 0; i < 3; ++i) h = h * p;
  EXPECT_TRUE(equal(grad(h, p), Ref{{2}, {12, 27}}));
}

TEST(Traced, FlowFollowsValues) {
  auto w = variable(fill(3.0f));
  Traced<float> z = w;
  while (z.value().item() < 100) z = z * w;
  EXPECT_EQ(z.value().item(), 243);
  EXPECT_EQ(grad(z, w).item(), 5 * 81);
}

TEST(Types, ResultsAreConstantOnlyIfAllOperandsAre) {
  auto w = variable(ones<2, 3>());
  const auto x = ones<2, 3>();
  static_assert(same<decltype(x + x), Tensor<float, 2, 3>>);
  static_assert(same<decltype(w + x), Traced<float, 2, 3>> && same<decltype(x + w), Traced<float, 2, 3>>);
  static_assert(same<decltype(2 * w), Traced<float, 2, 3>>);
  static_assert(same<decltype(w > 0), Tensor<bool, 2, 3>>);
  static_assert(same<decltype(where(x > 0, w, 0)), Traced<float, 2, 3>>);
  static_assert(same<decltype(sum<0>(w)), Traced<float, 3>> && same<decltype(max(w)), Traced<float>>);
  static_assert(same<decltype(reshape<3, 2>(w)), Traced<float, 3, 2>> && same<decltype(transpose(w)), Traced<float, 3, 2>>);
  static_assert(same<decltype(softmax<-1>(w)), Traced<float, 2, 3>>);
  static_assert(same<decltype(w.to<double>()), Traced<double, 2, 3>>);
  static_assert(Differentiable<decltype(w)> && Differentiable<decltype(w + x)> && !Differentiable<decltype(x)>);
  static_assert(same<value_of<decltype(w)>, Tensor<float, 2, 3>> && same<traced_of<decltype(x)>, Traced<float, 2, 3>>);
}

TEST(ValueAndGrad, OfOneAndOfSeveral) {
  const auto x = tensor<2>({1, 2}), y = tensor<2>({3, 4});
  auto [value, g] = value_and_grad([](const auto& p) { return sum(p * p); })(x);
  static_assert(same<decltype(value), Tensor<float>> && same<decltype(g), Tensor<float, 2>>);
  EXPECT_EQ(value.item(), 5);
  EXPECT_TRUE(equal(g, Ref{{2}, {2, 4}}));

  auto w = variable(y);
  auto [both, gs] = value_and_grad([](const auto& p, const auto& q) { return sum(p * q); })(x, w);
  EXPECT_EQ(both.item(), 11);
  EXPECT_TRUE(equal(std::get<0>(gs), Ref{{2}, {3, 4}}));
  EXPECT_TRUE(equal(std::get<1>(gs), Ref{{2}, {1, 2}}));
  EXPECT_TRUE(equal(w.grad(), full({2}, 0)));
}

TEST(Grad, TypesFollowTheVariables) {
  auto w = variable(ones<2, 3>());
  auto b = variable(ones<3>());
  auto z = w * b;
  auto [gw, gb] = grad(z, w, b);
  static_assert(same<decltype(gw), Tensor<float, 2, 3>> && same<decltype(gb), Tensor<float, 3>>);
  static_assert(same<decltype(grad(z, w)), Tensor<float, 2, 3>>);
  static_assert(same<decltype(grad<create_graph>(z, b)), Traced<float, 3>>);
  EXPECT_TRUE(equal(gb, full({3}, 2)));
}

}  // namespace
}  // namespace mushin::test
