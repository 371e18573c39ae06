// Every gradient rule against central differences, first and second order.
#include <gtest/gtest.h>

#include "support/gradcheck.hpp"

namespace mushin::test {
namespace {

TEST(Pointwise, BinaryOpsOfEqualShapes) {
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return a + b; }, data<2, 3>(1), data<2, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return a - b; }, data<2, 3>(1), data<2, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return a * b; }, data<2, 3>(1), data<2, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return a / b; }, data<2, 3>(1), data<2, 3>(2, 0.5, 1.5)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return maximum(a * a, b); }, data<2, 3>(1), data<2, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return minimum(a * a, b); }, data<2, 3>(1), data<2, 3>(2)));
}

TEST(Pointwise, GradientsHaveTheShapeOfABroadcastOperand) {
  auto each = []<class A, class B>(const A& a, const B& b) {
    EXPECT_TRUE(gradcheck([](const auto& x, const auto& y) { return x + y; }, a, b));
    EXPECT_TRUE(gradcheck([](const auto& x, const auto& y) { return x - y; }, a, b));
    EXPECT_TRUE(gradcheck([](const auto& x, const auto& y) { return x * y; }, a, b));
    EXPECT_TRUE(gradcheck([](const auto& x, const auto& y) { return x / (y * y + 1); }, a, b));
    EXPECT_TRUE(gradcheck([](const auto& x, const auto& y) { return maximum(x * x, y); }, a, b));
  };
  each(data<4, 2, 3>(1), data<3>(2));
  each(data<2, 1>(1), data<1, 3>(2));
  each(data<>(1), data<2, 3>(2));
  each(data<1, 2, 1>(1), data<3, 1, 4>(2));
}

TEST(Pointwise, UnaryOps) {
  // The square makes the cotangent a variable's too, which the second order of each rule must know.
  auto each = [](auto f, const auto& at) {
    EXPECT_TRUE(gradcheck(f, at));
    EXPECT_TRUE(gradcheck([f](const auto& a) { return f(a) * f(a); }, at));
  };
  const auto any = data<2, 5>(3, -2, 2), positive = data<2, 5>(4, 0.2, 2);
  each([](const auto& a) { return -a; }, any);
  each([](const auto& a) { return abs(a); }, any);
  each([](const auto& a) { return exp(a); }, any);
  each([](const auto& a) { return log(a); }, positive);
  each([](const auto& a) { return tanh(a); }, any);
  each([](const auto& a) { return erf(a); }, any);
  each([](const auto& a) { return sqrt(a); }, positive);
  each([](const auto& a) { return sigmoid(a); }, any);
  each([](const auto& a) { return relu(a); }, any);
  each([](const auto& a) { return relu(a * a - 1); }, any);
}

TEST(Pointwise, WhereAndScalars) {
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return where(a > 0, a * b, b * b); }, data<2, 3>(1), data<3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return where(a > 0, a * a, 0.5); }, data<2, 3>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return 2 / (1 + a * a) - a / 4; }, data<2, 3>(1)));
}

TEST(Pointwise, CastGoesBackToTheOperandsType) {
  auto w = variable(fill<float, 2, 3>(1.5f));
  const auto g = grad(sum(w.to<double>() * data<2, 3>(1)), w);
  static_assert(std::same_as<decltype(g), const Tensor<float, 2, 3>>);
  EXPECT_EQ(g.raw().type(), dtype::f32);
  EXPECT_TRUE(close(g, ref(data<2, 3>(1))));
}

TEST(Pointwise, StepPassesGradientsWhereItPassedValues) {
  auto x = variable(tensor<3>({-1, 0, 2}));
  auto y = relu(x);
  // exp makes the cotangent depend on x, so that the derivative of relu's own gradient is seen: e^y where y > 0.
  const auto first = grad<create_graph>(exp(y), x);
  EXPECT_TRUE(close(grad(first, x), Ref{{3}, {0, 0, std::exp(2.0)}}));
}

TEST(Pointwise, ExtremesShareAmongEquals) {
  auto a = variable(tensor<3>({1, 2, 3})), b = variable(tensor<3>({3, 2, 1}));
  auto [ga, gb] = grad(maximum(a, b), a, b);
  EXPECT_TRUE(equal(ga, Ref{{3}, {0, 0.5, 1}}));
  EXPECT_TRUE(equal(gb, Ref{{3}, {1, 0.5, 0}}));
  auto [la, lb] = grad(minimum(a, b), a, b);
  EXPECT_TRUE(equal(la, Ref{{3}, {1, 0.5, 0}}));
  EXPECT_TRUE(equal(lb, Ref{{3}, {0, 0.5, 1}}));
}

TEST(Pointwise, GradientsAtKinksAreZero) {
  auto a = variable(tensor<3>({-1, 0, 2}));
  EXPECT_TRUE(equal(grad(relu(a), a), Ref{{3}, {0, 0, 1}}));
  EXPECT_TRUE(equal(grad(abs(a), a), Ref{{3}, {-1, 0, 1}}));
}

TEST(Reduce, SumAndMean) {
  EXPECT_TRUE(gradcheck([](const auto& a) { return sum(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return sum<1>(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return sum<0, 2>(a * a, keep); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return mean(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return mean<0>(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return a * mean<1, 2>(a * a, keep); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return sum(a * a); }, data<>(1)));
}

TEST(Reduce, MaxAndMin) {
  EXPECT_TRUE(gradcheck([](const auto& a) { return max(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return max<1>(a) * max<1>(a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return a * max<0, 2>(a, keep); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return a * min<2>(a, keep); }, data<2, 3, 4>(1)));
}

TEST(Reduce, ExtremesShareAmongEquals) {
  auto a = variable(tensor<2, 3>({1, 3, 3, 2, 2, 2}));
  EXPECT_TRUE(close(grad(max<1>(a), a), Ref{{2, 3}, {0, 0.5, 0.5, 1.0 / 3, 1.0 / 3, 1.0 / 3}}));
  EXPECT_TRUE(close(grad(min<1>(a), a), Ref{{2, 3}, {1, 0, 0, 1.0 / 3, 1.0 / 3, 1.0 / 3}}));
}

TEST(Shape, Moves) {
  EXPECT_TRUE(gradcheck([](const auto& a) { return reshape<6, 4>(a) * reshape<6, 4>(a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return flatten(transpose(a * a)); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return permute<2, 0, 1>(a * a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return permute<1, 2, 0>(a) * permute<1, 2, 0>(a); }, data<2, 3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return unsqueeze<1>(a) * unsqueeze<0>(a); }, data<3>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return broadcast_to<4, 2, 3>(a * a); }, data<2, 3>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return broadcast_to<2, 3>(a) * b; }, data<2, 1>(1), data<2, 3>(2)));
}

TEST(Shape, Slices) {
  EXPECT_TRUE(gradcheck([](const auto& a) { return slice<1, 1, 3>(a) * slice<1, 2, 4>(a); }, data<2, 5, 3>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return slice<-1>(transpose(a * a), 1, 2); }, data<3, 4>(1)));
}

TEST(Shape, SlicesOfOneTensor) {
  const auto all = [](const auto& f) {
    EXPECT_TRUE(gradcheck(f, data<5, 3, 4>(1)));
    EXPECT_TRUE(gradgradcheck(f, variable(data<5, 3, 4>(1))).ok);
  };
  all([](const auto& a) { return slice<0, 0, 2>(a) * slice<0, 2, 4>(a); });
  all([](const auto& a) { return slice<0, 3, 5>(a) * slice<0, 0, 2>(a) * slice<0, 1, 3>(a); });
  all([](const auto& a) { return a * a * sum(slice<1, 1, 2>(a)); });
  all([](const auto& a) { return sum(slice<0, 1, 3>(a) * slice<0, 1, 3>(a)) + sum(slice<1, 1, 2>(a)) * sum(slice<2, 2, 4>(a)); });
  all([](const auto& a) {
    const auto turned = permute<1, 2, 0>(a * a);
    return slice<0, 1, 3>(at<0>(turned, 2) * at<0>(turned, 0)) * slice<0, 0, 2>(at<0>(turned, 1));
  });
  all([](const auto& a) {
    const auto [one, other] = split<1, 2>(permute<0, 2, 1>(a));
    return permute<2, 0, 1>(one) * permute<2, 0, 1>(other);
  });
}

// A gradient lies as its tensor does, and its parts are written to it as they are: -0 stays what it is, added to nothing.
TEST(Shape, GradientsOfSlicesAreWrittenOnce) {
  const auto w = variable(data<2, 3, 4>(1));
  const auto turned = permute<1, 0, 2>(w);
  const auto z = sum(at<0>(turned, 0) * -0.0) + sum(at<0>(turned, 2));
  const auto [of_turned, of_w] = grad(z, turned, w);
  EXPECT_EQ(core::memory_order(of_turned.raw()), core::memory_order(turned.value().raw()));
  EXPECT_EQ(core::memory_order(of_turned.raw()), 0x201u);
  EXPECT_TRUE(equal(of_w, generate({2, 3, 4}, [](const Index& p) { return p[1] == 2 ? 1.0 : 0.0; })));
  EXPECT_TRUE(std::signbit(of_w(1, 0, 3)));
  EXPECT_FALSE(std::signbit(of_w(1, 1, 3)));
}

TEST(Shape, AdjointsAreDifferentiable) {
  auto w = variable(data<1, 3>(1));
  const auto placed = core::place(w.raw(), 0, 2, 5);
  const auto summed = core::sum_to(placed, core::Sizes{1, 3});
  core::Traced g;
  core::gradients(core::mul(summed, summed), &w.raw(), &g, 1, false);
  EXPECT_TRUE(close(ref(g.value()), map(ref(w), [](double x) { return 2 * x; })));
}

TEST(Matmul, MatricesAndVectors) {
  auto product = [](const auto& a, const auto& b) { return matmul(a, b); };
  EXPECT_TRUE(gradcheck(product, data<2, 3>(1), data<3, 4>(2)));
  EXPECT_TRUE(gradcheck(product, data<3>(1), data<3>(2)));
  EXPECT_TRUE(gradcheck(product, data<3>(1), data<3, 4>(2)));
  EXPECT_TRUE(gradcheck(product, data<2, 3>(1), data<3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return matmul(transpose(a), transpose(b)); }, data<3, 2>(1), data<4, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return matmul(slice<0, 1, 3>(a), b); }, data<4, 3>(1), data<3, 2>(2)));
}

TEST(Matmul, TransposedOperandsOfAnyRank) {
  auto right = [](const auto& x, const auto& w) { return matmul(x, transpose(w)); };
  EXPECT_TRUE(gradcheck(right, data<4, 2, 3>(1), data<5, 3>(2)));
  EXPECT_TRUE(gradcheck(right, data<2, 2, 3>(1), data<2, 4, 3>(2)));
  EXPECT_TRUE(gradcheck(right, data<2, 3>(1), data<3, 4, 3>(2)));
  EXPECT_TRUE(gradcheck([](const auto& w, const auto& x) { return matmul(transpose(w), x); }, data<3, 2>(1), data<2, 3, 4>(2)));
}

TEST(Matmul, Batches) {
  auto product = [](const auto& a, const auto& b) { return matmul(a, b); };
  EXPECT_TRUE(gradcheck(product, data<2, 2, 3>(1), data<2, 3, 4>(2)));
  EXPECT_TRUE(gradcheck(product, data<2, 2, 3>(1), data<3, 4>(2)));
  EXPECT_TRUE(gradcheck(product, data<2, 3>(1), data<5, 3, 2>(2)));
  EXPECT_TRUE(gradcheck(product, data<2, 1, 2, 3>(1), data<3, 3, 2>(2)));
  EXPECT_TRUE(gradcheck(product, data<3>(1), data<2, 3, 4>(2)));
  EXPECT_TRUE(gradcheck(product, data<2, 2, 3>(1), data<3>(2)));
}

TEST(Index, GatherAndTake) {
  const auto columns = tensor<std::int64_t, 2, 3>({0, 3, 3, 2, 2, 2});
  EXPECT_TRUE(gradcheck([&](const auto& a) { return gather<1>(a * a, columns); }, data<2, 4>(1)));
  const auto rows = tensor<std::int64_t, 3>({4, 0, 4});
  EXPECT_TRUE(gradcheck([&](const auto& a) { return take(a * a, rows); }, data<5, 2>(1)));
}

TEST(Index, ScatterAdd) {
  const auto columns = tensor<std::int64_t, 2, 3>({0, 3, 3, 2, 2, 2});
  auto base = variable(data<2, 4>(1));
  auto updates = variable(data<2, 3>(2));
  const auto z = core::scatter_add(base.raw(), 1, columns.raw(), updates.raw());
  const core::Traced with[] = {base.raw(), updates.raw()};
  core::Traced g[2];
  core::gradients(core::mul(z, z), with, g, 2, false);
  const Ref twice = map(ref(z.value()), [](double x) { return 2 * x; });
  EXPECT_TRUE(close(ref(g[0].value()), twice));
  EXPECT_TRUE(close(ref(g[1].value()), gather(twice, 1, ref(columns))));
}

TEST(Softmax, AlongEachAxis) {
  EXPECT_TRUE(gradcheck([](const auto& a) { return softmax<-1>(a); }, data<3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return softmax<0>(a); }, data<3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return log_softmax<-1>(a); }, data<3, 4>(1)));
  EXPECT_TRUE(gradcheck([](const auto& a) { return log_softmax<1>(a * a); }, data<2, 3, 2>(1)));
}

TEST(Compositions, ThirdOrder) {
  auto x = variable(fill<double>(0.7));
  auto d1 = grad<create_graph>(exp(x * x), x);
  auto d2 = grad<create_graph>(d1, x);
  const double e = std::exp(0.49);
  EXPECT_NEAR(d1.value().item(), 1.4 * e, 1e-12);
  EXPECT_NEAR(d2.value().item(), (2 + 4 * 0.49) * e, 1e-12);
  EXPECT_NEAR(grad(d2, x).item(), (12 * 0.7 + 8 * 0.343) * e, 1e-12);
}

TEST(Compositions, MixedPartialsAreEqualInEitherOrder) {
  auto x = variable(data<3, 4>(1));
  auto y = variable(data<4, 3>(2));
  const auto f = sum(softmax<1>(matmul(tanh(x), y)) * exp(sin(matmul(x, y))));
  const auto u = data<3, 4>(3);
  const auto v = data<4, 3>(4);
  // Sums over a direction of each: u' (d2f/dx dy) v, and once more by x.
  const auto by_x = grad<create_graph>(f, x);
  const auto by_y = grad<create_graph>(f, y);
  const auto by_xy = grad<create_graph>(sum(by_x * u), y);
  const auto by_yx = grad<create_graph>(sum(by_y * v), x);
  const double one = sum(by_xy.value() * v).item();
  EXPECT_GT(std::abs(one), 1e-3);
  EXPECT_NEAR(one, sum(by_yx.value() * u).item(), 1e-12);
  EXPECT_TRUE(close(grad(sum(by_xy * v), x), ref(grad(sum(by_yx * u), x)), 1e-10, 1e-12));
}

/// tanh, of which each backward call is counted.
struct CountedTanh {
  int* calls;
  auto forward(auto& ctx, const auto& x) const {
    const auto y = tanh(x);
    return ctx.save(y, y);
  }
  auto backward(const auto& ctx, const auto& gy) const {
    ++*calls;
    const auto [y] = ctx.saved();
    return gy * (1 - y * y);
  }
};

TEST(Compositions, AHessianVectorProductCostsTwoPasses) {
  const auto v = data<5>(2);
  const auto cost = [&](int layers) {
    int calls = 0;
    auto x = variable(data<5>(1));
    const auto before = core::graph_node_count();
    Traced<double, 5> h = x;
    for (int i = 0; i < layers; ++i) h = mushin::apply(CountedTanh{&calls}, h);
    const auto forward = core::graph_node_count() - before;
    const auto g = grad<create_graph>(sum(h), x);
    EXPECT_EQ(calls, layers) << "the first pass calls each rule once";
    const auto product = grad(sum(g * v), x);
    EXPECT_EQ(calls, 2 * layers) << "and so does the second";
    EXPECT_EQ(forward, layers);
    return core::graph_node_count() - before;
  };
  // What the second pass goes through: four nodes for a layer, its own and the three that its rule recorded.
  EXPECT_EQ(cost(200) - cost(100), 400);
  EXPECT_EQ(cost(400) - cost(200), 800);
}

TEST(Compositions, Network) {
  EXPECT_TRUE(gradcheck([](const auto& x, const auto& w1, const auto& b1,
                           const auto& w2) { return mean(log_softmax<-1>(matmul(tanh(matmul(x, w1) + b1), transpose(w2)))); },
                        data<4, 3>(1), data<3, 5>(2), data<5>(3), data<2, 5>(4)));
}

}  // namespace
}  // namespace mushin::test
