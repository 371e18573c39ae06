// The graph engine: order, sharing, lifetime, depth. The mistakes of the Rust crate that mushin began as are tests here.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {
namespace {

Ref vector_of(std::vector<double> values) { return {{static_cast<std::int64_t>(values.size())}, std::move(values)}; }

TEST(RustMistakes, OneOperandTwice) {
  auto x = variable(tensor<3>({1, 2, 4}));
  EXPECT_TRUE(equal(grad(x * x, x), vector_of({2, 4, 8})));
  EXPECT_TRUE(equal(grad(x + x, x), vector_of({2, 2, 2})));
  EXPECT_TRUE(equal(grad(x - x, x), vector_of({0, 0, 0})));
  EXPECT_TRUE(equal(grad(x / x, x), vector_of({0, 0, 0})));
  EXPECT_TRUE(equal(grad(maximum(x, x), x), vector_of({1, 1, 1})));
  EXPECT_TRUE(equal(grad(dot(x, x), x), vector_of({2, 4, 8})));
  (x * x).backward();
  EXPECT_TRUE(equal(x.grad(), vector_of({2, 4, 8})));
}

TEST(RustMistakes, BatchesAreReduced) {
  auto w = variable(from<3, 2>(uniform(1, 6)));
  auto b = variable(zeros<2>());
  const auto x = from<16, 1, 3>(uniform(2, 48));
  auto z = matmul(x, w) + b;
  z.backward();
  EXPECT_EQ(w.grad().shape(), (core::Sizes{3, 2}));
  EXPECT_TRUE(equal(b.grad(), full({2}, 16)));
  const Ref column_sums = sum(ref(x), {0, 1});
  EXPECT_TRUE(close(w.grad(), generate({3, 2}, [&](const Index& p) { return column_sums.at({p[0]}); })));
}

TEST(RustMistakes, EvenBatchesAdd) {
  auto x = variable(ones<16, 3>());
  auto y = variable(ones<16, 3>());
  auto [gx, gy] = grad(x + 2 * y, x, y);
  EXPECT_TRUE(equal(gx, full({16, 3}, 1)));
  EXPECT_TRUE(equal(gy, full({16, 3}, 2)));
}

TEST(RustMistakes, NodesThatDieDoNotDisturbTheOrder) {
  auto x = variable(fill(2.0f));
  for (int round = 0; round < 3; ++round) {
    Traced<float> kept = x * x;
    for (int i = 0; i < 100; ++i) {
      auto dropped = x * kept + x;
    }
    auto y = kept * x;
    { auto dropped = y * y * y; }
    auto z = y * kept + kept;  // x^5 + x^2
    EXPECT_EQ(grad(z, x).item(), 5 * 16 + 2 * 2);
  }
}

TEST(RustMistakes, SecondBackwardDoesNotCountIntermediatesTwice) {
  auto x = variable(fill(3.0f));
  auto z = 2 * (x * x);
  z.backward(retain_graph);
  EXPECT_EQ(x.grad().item(), 12);
  z.backward();
  EXPECT_EQ(x.grad().item(), 24);
}

TEST(RustMistakes, GradientsAreDifferentiable) {
  auto x = variable(fill<double>(2.0));
  auto d1 = grad<create_graph>(x * x * x, x);
  EXPECT_EQ(d1.value().item(), 12);
  EXPECT_EQ(grad(d1, x).item(), 12);
}

TEST(RustMistakes, MeanSquaredErrorIsElementwise) {
  auto x = variable(tensor<4>({1, 2, 3, 4}));
  const auto y = tensor<4>({0, 0, 1, 1});
  EXPECT_TRUE(close(grad(mean((x - y) * (x - y)), x), vector_of({0.5, 1, 1, 1.5})));
}

TEST(RustMistakes, SoftmaxKnowsTheRowsOfABatch) {
  auto x = variable(from<5, 3>(uniform(7, 15, -4, 4)));
  EXPECT_TRUE(close(sum<1>(softmax<1>(x)), full({5}, 1)));
  const Ref s = softmax(ref(x), 1);
  const auto g = grad(slice<0, 2, 3>(softmax<1>(x)) * tensor<3>({1, 0, 0}), x);
  EXPECT_TRUE(close(g, generate({5, 3}, [&](const Index& p) {
                      return p[0] != 2 ? 0.0 : s.at({2, 0}) * ((p[1] == 0 ? 1 : 0) - s.at({2, p[1]}));
                    })));
}

TEST(RustMistakes, ConstantOperandsGetNothing) {
  auto w = variable(ones<2, 2>());
  const auto x = ones<2, 2>();
  const auto before = core::graph_node_count();
  auto z = matmul(x, w) * x;
  EXPECT_EQ(core::graph_node_count() - before, 2);
  static_assert(!Differentiable<decltype(x)> && std::same_as<decltype(x + x), Tensor<float, 2, 2>>);
}

TEST(Depth, MillionOpsAreBuiltPulledAndDestroyed) {
  auto w = variable(fill<double>(1.0));
  const auto before = core::graph_node_count();
  {
    Traced<double> h{fill<double>(0.0)};
    for (int i = 0; i < 1'000'000; ++i) h = h + w;
    EXPECT_EQ(core::graph_node_count() - before, 1'000'000);
    h.backward();
    EXPECT_EQ(w.grad().item(), 1e6);
  }
  EXPECT_EQ(core::graph_node_count(), before);
}

TEST(Depth, HundredThousandOpsThatKeepValues) {
  auto w = variable(fill<double>(1.0));
  Traced<double> h = w;
  for (int i = 0; i < 100'000; ++i) h = h * w;
  EXPECT_EQ(grad(h, w).item(), 100'001);
  h.backward();
  EXPECT_EQ(w.grad().item(), 100'001);
}

TEST(Depth, RepeatedSharingIsVisitedOnce) {
  auto w = variable(fill<double>(1.0));
  Traced<double> h = w;
  for (int i = 0; i < 60; ++i) h = h + h;  // 2^60 paths
  EXPECT_EQ(grad(h, w).item(), 0x1p60);
}

TEST(Backward, AccumulatesOverCalls) {
  auto w = variable(tensor<2>({1, 2}));
  EXPECT_TRUE(equal(w.grad(), vector_of({0, 0})));
  (w * 3).backward();
  (w * w).backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({5, 7})));
  w.zero_grad();
  EXPECT_TRUE(equal(w.grad(), vector_of({0, 0})));
}

TEST(Backward, TakesACotangent) {
  auto w = variable(tensor<2, 2>({1, 2, 3, 4}));
  (w * w).backward(tensor<2, 2>({1, 0, 0, 10}));
  EXPECT_TRUE(equal(w.grad(), Ref{{2, 2}, {2, 0, 0, 80}}));
}

TEST(Backward, ASecondOneIsAnError) {
  auto w = variable(tensor<2>({1, 2}));
  auto z = w * w;
  z.backward();
  EXPECT_TRUE(throws<GraphError>([&] { z.backward(); }, "[backward] an earlier backward() freed the graph"));
  EXPECT_TRUE(throws<GraphError>([&] { grad(z, w); }, "[grad] an earlier backward() freed the graph"));
  EXPECT_TRUE(equal(w.grad(), vector_of({2, 4})));
}

TEST(Backward, RetainGraphKeepsIt) {
  auto w = variable(tensor<2>({1, 2}));
  auto z = w * w;
  z.backward(retain_graph);
  z.backward(tensor<2>({0, 1}), retain_graph);
  EXPECT_TRUE(equal(grad(z, w), vector_of({2, 4})));
  z.backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({4, 12})));
}

TEST(Backward, ResultsThatShareAGraph) {
  auto w = variable(tensor<2>({1, 2}));
  auto shared = exp(w);
  auto a = shared * 2, b = shared * shared;
  a.backward(retain_graph);
  b.backward();
  EXPECT_TRUE(close(w.grad(), map(ref(w), [](double x) { return 2 * std::exp(x) + 2 * std::exp(2 * x); })));
  EXPECT_TRUE(throws<GraphError>([&] { a.backward(); }, "freed"));
}

TEST(Backward, AnErrorLeavesGradientsAlone) {
  auto w = variable(tensor<2>({1, 2}));
  auto freed = w * w;
  freed.backward();
  auto z = w * 3 + freed;
  EXPECT_TRUE(throws<GraphError>([&] { z.backward(); }, "freed"));
  EXPECT_TRUE(equal(w.grad(), vector_of({2, 4})));
}

TEST(Backward, CotangentsOfAnotherSizeAreAnError) {
  static constexpr Dim<"batch"> batch;
  auto w = variable(ones<batch>(batch = 3));
  auto z = w * w;
  EXPECT_TRUE(
      throws<GraphError>([&] { z.backward(ones<batch>(batch = 2)); }, "[backward] the cotangent has the result's shape: (3) and (2)"));
  z.backward();
  EXPECT_TRUE(equal(w.grad(), full({3}, 2)));
}

TEST(Backward, ConstantsAreAnErrorAtRunTimeWhereTypesCannotTell) {
  Traced<float, 2> h{ones<2>()};
  EXPECT_TRUE(throws<GraphError>([&] { h.backward(); }, "[backward] the value was made from no variable"));
  h.reset();
}

TEST(Backward, GraphsOutliveTheirVariables) {
  auto make = [] {
    auto w = variable(tensor<2>({1, 2}));
    return w * w;
  };
  auto z = make();
  z.backward();
  EXPECT_TRUE(equal(z.value(), vector_of({1, 4})));
}

TEST(Backward, FreesWhatTheGraphKept) {
  auto w = variable(ones<2>());
  auto kept = exp(w);
  core::NodeHead* value = kept.raw().value().node();
  auto z = sum(kept);
  const auto owners = value->refs;
  z.backward();
  EXPECT_LT(value->refs, owners);
}

TEST(Backward, FreesAlsoWhatNoCotangentReached) {
  auto w = variable(ones<2>());
  auto kept = exp(w);
  core::NodeHead* value = kept.raw().value().node();
  auto constant = grad<create_graph>(kept * 3, kept);
  const auto owners = value->refs;
  constant.backward();
  EXPECT_LT(value->refs, owners);
  EXPECT_TRUE(equal(w.grad(), vector_of({0, 0})));
}

TEST(Reset, ZeroesTheGradientOfEveryVariableBelow) {
  auto w = variable(tensor<2>({1, 2})), unrelated = variable(tensor<2>({1, 2}));
  auto b = variable(fill(1.0f));
  auto z = w * w + b;
  (unrelated * 1).backward();
  z.backward();
  z.reset();
  EXPECT_TRUE(equal(w.grad(), vector_of({0, 0})));
  EXPECT_EQ(b.grad().item(), 0);
  EXPECT_TRUE(equal(unrelated.grad(), vector_of({1, 1})));
}

TEST(Grad, LeavesTheGradientsAndTheGraphAlone) {
  auto w = variable(tensor<2>({1, 2}));
  auto z = w * w;
  EXPECT_TRUE(equal(grad(z, w), vector_of({2, 4})));
  EXPECT_TRUE(equal(grad(z, w), vector_of({2, 4})));
  EXPECT_TRUE(equal(w.grad(), vector_of({0, 0})));
  z.backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({2, 4})));
}

TEST(Grad, OfIntermediatesAndOfItself) {
  auto w = variable(tensor<2>({1, 2}));
  auto h = w * w;
  auto z = h * h;
  auto [gh, gz, gw] = grad(z, h, z, w);
  EXPECT_TRUE(equal(gh, vector_of({2, 8})));
  EXPECT_TRUE(equal(gz, vector_of({1, 1})));
  EXPECT_TRUE(equal(gw, vector_of({4, 32})));
  EXPECT_TRUE(equal(grad(w.raw().node() ? Traced<float, 2>(w) : h, w), vector_of({1, 1})));
}

TEST(Grad, IsZeroWhereNothingDepends) {
  auto w = variable(ones<2>()), other = variable(ones<2>());
  EXPECT_TRUE(equal(grad(w * 2, other), vector_of({0, 0})));
  Traced<float, 2> constant{ones<2>()};
  EXPECT_TRUE(equal(grad(w * constant, constant), vector_of({0, 0})));
}

TEST(Grad, OfALinearFunctionHasAGradientOfItsOwn) {
  auto w = variable(tensor<2>({1, 2}));
  EXPECT_TRUE(equal(grad(sum(grad<create_graph>(w * 3, w)), w), vector_of({0, 0})));
}

TEST(Grad, OnlyWhatIsAskedForMustBeUsable) {
  auto w = variable(tensor<2>({1, 2})), v = variable(tensor<2>({3, 4}));
  auto freed = v * v;
  freed.backward();
  EXPECT_TRUE(equal(grad(w * w + freed, w), vector_of({2, 4})));
}

TEST(Grad, GradientPenaltyReachesTheWeights) {
  auto w = variable(fill<double>(1.5));
  auto x = variable(fill<double>(0.5));
  auto slope = grad<create_graph>(tanh(w * x), x);  // w (1 - t^2)
  (slope * slope).backward();
  const double t = std::tanh(0.75), s = 1 - t * t;
  EXPECT_NEAR(w.grad().item(), 2 * 1.5 * s * (s - 2 * 1.5 * t * s * 0.5), 1e-12);
}

TEST(NoGrad, RecordsNothingAndGivesConstants) {
  auto w = variable(tensor<2>({1, 2}));
  const auto before = core::graph_node_count();
  auto y = no_grad([&] {
    auto inside = exp(w * w) + w;
    EXPECT_EQ(core::graph_node_count(), before);
    return inside;
  });
  static_assert(std::same_as<decltype(y), Tensor<float, 2>>);
  auto [a, b] = no_grad([&] { return std::tuple{w * w, w.value()}; });
  static_assert(std::same_as<decltype(a), Tensor<float, 2>> && std::same_as<decltype(b), Tensor<float, 2>>);
  bool ran = false;
  no_grad([&] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(core::graph_node_count(), before);
  auto recorded = w * w;
  EXPECT_EQ(core::graph_node_count(), before + 1);
}

TEST(NoGrad, EndsWithAnException) {
  auto w = variable(ones<2>());
  EXPECT_THROW(no_grad([&]() -> int { throw 1; }), int);
  (w * w).backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({2, 2})));
}

TEST(Nodes, AreSmall) {
  auto w = variable(ones<2>());
  const auto before = core::graph_node_count();
  { auto z = exp(w) + w * w; }
  EXPECT_EQ(core::graph_node_count(), before);
}

}  // namespace
}  // namespace mushin::test
