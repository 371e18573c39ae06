// Functions with a gradient written by hand.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

struct Cube {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(x * x * x, x); }
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [x] = ctx.saved();
    return 3 * x * x * gy;
  }
};

/// Saves its result: y = e^x.
struct Exp {
  auto forward(auto& ctx, const auto& x) const {
    const auto y = exp(x);
    return ctx.save(y, y);
  }
  auto backward(const auto& ctx, const auto& gy) const { return std::get<0>(ctx.saved()) * gy; }
};

/// a b^k for a whole number k; a gradient for each operand.
struct TimesPower {
  double k;
  auto forward(auto& ctx, const auto& a, const auto& b) const { return ctx.save(a * pow(b, k), a, b); }
  auto backward(const auto& ctx, const auto& gy) const {
    const auto [a, b] = ctx.saved();
    return std::tuple{gy * pow(b, k), k * gy * a * pow(b, k - 1)};
  }
};

TEST(CustomFunction, HasGradientsOfAnyOrder) {
  auto x = variable(tensor<double, 3>({1, 2, -3}));
  auto y = apply<Cube>(x);
  static_assert(std::same_as<decltype(y), Traced<double, 3>>);
  EXPECT_TRUE(equal(y.value(), Ref{{3}, {1, 8, -27}}));
  auto first = grad<create_graph>(y, x);
  auto second = grad<create_graph>(first, x);
  EXPECT_TRUE(equal(first.value(), Ref{{3}, {3, 12, 27}}));
  EXPECT_TRUE(equal(second.value(), Ref{{3}, {6, 12, -18}}));
  EXPECT_TRUE(equal(grad(second, x), full({3}, 6)));
  (2 * y).backward();
  EXPECT_TRUE(equal(x.grad(), Ref{{3}, {6, 24, 54}}));
}

TEST(CustomFunction, MaySaveItsResult) {
  auto x = variable(fill<double>(0.5));
  auto first = grad<create_graph>(apply<Exp>(x), x);
  EXPECT_DOUBLE_EQ(grad<create_graph>(first, x).value().item(), std::exp(0.5));
  EXPECT_DOUBLE_EQ(grad(grad<create_graph>(first, x), x).item(), std::exp(0.5));
}

TEST(CustomFunction, ConstantsHaveNoGradient) {
  const TimesPower f{3};
  auto a = variable(fill<double>(2.0)), b = variable(fill<double>(5.0));
  const auto ca = a.value(), cb = b.value();
  EXPECT_EQ(grad(apply(f, a, cb), a).item(), 125);
  EXPECT_EQ(grad(apply(f, ca, b), b).item(), 150);
  const auto [ga, gb] = grad(apply(f, a, b), a, b);
  EXPECT_EQ(ga.item(), 125);
  EXPECT_EQ(gb.item(), 150);
  const auto y = apply(f, ca, cb);
  static_assert(std::same_as<decltype(y), const Tensor<double>>);
  EXPECT_EQ(y.item(), 250);
  // d/da d/db
  EXPECT_EQ(grad(grad<create_graph>(apply(f, a, b), a), b).item(), 75);
  EXPECT_EQ(no_grad([&] { return apply(f, a, b); }).item(), 250);
}

TEST(CustomFunction, VariablesThatShareAValueAreToldApart) {
  auto a = variable(fill<double>(2.0)), b = a.clone();
  auto first = grad<create_graph>(apply(TimesPower{3}, a, b), b);  // 3 a b^2
  const auto [ga, gb] = grad(first, a, b);
  EXPECT_EQ(ga.item(), 12);
  EXPECT_EQ(gb.item(), 24);
  EXPECT_EQ(grad(apply(TimesPower{3}, a, a), a).item(), 32);
}

/// The sum of four operands, of which those that are wanted are told.
struct Sum4 {
  std::vector<bool>* asked;
  auto forward(auto&, const auto& a, const auto& b, const auto& c, const auto& d) const { return a + b + c + d; }
  auto backward(const auto& ctx, const auto& gy) const {
    for (unsigned i = 0; i < 4; ++i) asked->push_back(ctx.wants(i));
    return std::tuple{gy, 2 * gy, 4 * gy};  // c is constant
  }
};

TEST(CustomFunction, MayHaveManyOperands) {
  std::vector<bool> asked;
  auto a = variable(ones<2>()), b = variable(ones<2>()), d = variable(ones<2>());
  const auto before = core::graph_node_count();
  {
    auto y = apply(Sum4{&asked}, a, b, ones<2>(), d * 1);
    EXPECT_TRUE(equal(grad(y, b), full({2}, 2)));
    EXPECT_EQ(asked, (std::vector{false, true, false, false}));
    y.backward();
    EXPECT_EQ(asked, (std::vector{false, true, false, false, true, true, false, true}));
  }
  EXPECT_EQ(core::graph_node_count(), before);
  EXPECT_TRUE(equal(a.grad(), full({2}, 1)) && equal(b.grad(), full({2}, 2)) && equal(d.grad(), full({2}, 4)));
}

/// Its backward reads elements, which only constants have.
struct FirstOrder {
  static auto forward(auto&, const auto& x) { return 2 * x; }
  static auto backward(const auto&, const Constant auto& gy) { return gy(0) * gy; }
};
struct SavesAnIntermediate {
  bool independent = false;
  static auto forward(auto& ctx, const auto& x) {
    const auto square = x * x;
    return ctx.save(square * x, square, x > 0);
  }
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [square, positive] = ctx.saved();
    static_assert(std::same_as<std::remove_const_t<decltype(positive)>, Tensor<bool, 2>>);
    return 3 * square * gy;
  }
};
struct Masked {
  static auto forward(auto& ctx, const auto& x) {
    const auto mask = tensor<2>({0, 2});
    return ctx.save(x * x * mask, x, ctx.independent(mask));
  }
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [x, mask] = ctx.saved();
    return 2 * x * mask * gy;
  }
};

TEST(CustomFunction, SaysWhatHasNoSecondOrder) {
  auto x = variable(tensor<2>({2, 3}));
  EXPECT_TRUE(equal(grad(apply<FirstOrder>(x) * 3, x), full({2}, 9)));
  EXPECT_TRUE(throws<GraphError>([&] { grad<create_graph>(apply<FirstOrder>(x), x); }, "[FirstOrder] its backward takes constants alone"));
  EXPECT_TRUE(equal(grad(apply<SavesAnIntermediate>(x), x), Ref{{2}, {12, 27}}));
  EXPECT_TRUE(throws<GraphError>([&] { grad<create_graph>(apply<SavesAnIntermediate>(x), x); },
                                 "[SavesAnIntermediate] it saves a value that is neither operand nor result"));
  EXPECT_TRUE(equal(grad(grad<create_graph>(apply<Masked>(x), x), x), Ref{{2}, {0, 4}}));
}

struct Throws {
  static auto forward(auto&, const auto& x) { return x + 0; }
  static auto backward(const auto&, const auto& gy) {
    if (gy.rank() == 1) throw 7;
    return gy;
  }
};
struct WrongSize {
  static auto forward(auto&, const auto& x) { return x + 0; }
  template <class G>
  static auto backward(const auto&, const G&) {
    static constexpr Dim<"batch"> batch;
    return Tensor<float, batch>{core::full({5}, dtype::f32, 0)};
  }
};

TEST(CustomFunction, ErrorsPassThroughAndChangeNothing) {
  auto x = variable(ones<2>()), other = variable(ones<2>());
  auto y = other * 2 + apply<Throws>(x);
  EXPECT_THROW(y.backward(), int);
  EXPECT_TRUE(equal(other.grad(), full({2}, 0)) && equal(x.grad(), full({2}, 0)));

  static constexpr Dim<"batch"> batch;
  auto b = variable(ones<batch>(batch = 3));
  EXPECT_TRUE(throws<ShapeError>([&] { apply<WrongSize>(b).backward(); }, "[WrongSize] a gradient has its operand's shape: (3) and (5)"));
  EXPECT_TRUE(equal(b.grad(), full({3}, 0)));

  auto z = apply<Cube>(x);
  z.backward();
  EXPECT_TRUE(throws<GraphError>([&] { z.backward(); }, "freed the graph of a result of Cube"));
}

TEST(CustomFunction, FreesWhatItSaved) {
  auto x = variable(ones<2>());
  auto h = exp(x);
  core::NodeHead* value = h.raw().value().node();
  const auto without = value->refs;
  auto y = apply<Cube>(h);
  EXPECT_GT(value->refs, without);
  y.backward();
  EXPECT_LT(value->refs, without);  // exp let go of it too
}

}  // namespace
}  // namespace mushin::test
