// What helps to find out what is wrong: hooks on gradients, pictures of graphs, AnomalyGuard, errors that name ops and lines.
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

using std::string;
Ref vector_of(std::vector<double> values) { return {{static_cast<std::int64_t>(values.size())}, std::move(values)}; }
constexpr float infinity = std::numeric_limits<float>::infinity();

/// What errors say of a call in this file; without debug information there is less to say.
string at_line([[maybe_unused]] int line) {
#if MUSHIN_TEST_LINES
  return "trouble_test.cpp:" + std::to_string(line) + ")";
#else
  return "+0x";
#endif
}
template <class E>
string text_of_error(const auto& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}
::testing::AssertionResult says(const string& text, const std::vector<string>& parts) {
  for (const string& part : parts)
    if (text.find(part) == text.npos) return ::testing::AssertionFailure() << "\"" << text << "\" lacks \"" << part << "\"";
  return ::testing::AssertionSuccess();
}

TEST(Hooks, SeeTheWholeGradientOnce) {
  auto w = variable(tensor<2>({1, 2}));
  auto h = w * w;
  std::vector<std::vector<float>> of_h, of_w;
  h.on_gradient([&](const Tensor<float, 2>& g) { of_h.push_back(g.to_vector()); });
  w.on_gradient([&](const Tensor<float, 2>& g) { of_w.push_back(g.to_vector()); });
  auto z = h * h + h * 3 + w;  // dz/dh = 2h + 3
  z.backward();
  EXPECT_EQ(of_h, (std::vector<std::vector<float>>{{5, 11}}));
  EXPECT_EQ(of_w, (std::vector<std::vector<float>>{{11, 45}}));
  EXPECT_TRUE(equal(w.grad(), vector_of({11, 45})));
  (w * 2).backward();  // what this pass adds, not the sum
  EXPECT_EQ(of_w.back(), (std::vector<float>{2, 2}));
  EXPECT_EQ(of_h.size(), 1u);
}

TEST(Hooks, ReplaceTheGradientInTheirOrder) {
  auto w = variable(tensor<2>({1, 2}));
  auto h = w * 1;
  h.on_gradient([](const auto& g) { return g * 3; });
  h.on_gradient([](const auto& g) { return g + 1; });
  w.on_gradient([](const auto& g) { return g * 10; });
  (h * 2).backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({70, 70})));
  EXPECT_TRUE(equal(grad(w * 1, w), vector_of({10, 10})));
}

TEST(Hooks, StayUntilTheyAreRemoved) {
  auto w = variable(tensor<2>({1, 2}));
  auto held = std::make_shared<int>(0);
  {
    auto hook = w.on_gradient([held](const auto&) { ++*held; });
    (w * 1).backward();
  }
  (w * 1).backward();
  EXPECT_EQ(*held, 2);
  auto removed = w.on_gradient([held](const auto&) { *held += 100; });
  EXPECT_EQ(held.use_count(), 3);
  removed.remove();
  EXPECT_EQ(held.use_count(), 2);
  removed.remove();
  (w * 1).backward();
  EXPECT_EQ(*held, 3);
  GradientHook late;
  {
    auto h = w * 1;
    late = h.on_gradient([held](const auto&) {});
    EXPECT_EQ(held.use_count(), 3);
  }
  EXPECT_EQ(held.use_count(), 2);  // it went with its graph
  late.remove();
}

TEST(Hooks, AreCalledWhereAGradientIsAskedFor) {
  auto w = variable(fill(3.0f)), v = variable(fill(2.0f));
  int of_w = 0, of_v = 0, of_h = 0;
  w.on_gradient([&](const auto&) { ++of_w; });
  v.on_gradient([&](const auto&) { ++of_v; });
  auto h = w * v;
  h.on_gradient([&](const auto& g) { return ++of_h, g * 5; });
  EXPECT_EQ(grad(h * h, w).item(), 2 * 6 * 5 * 2);
  EXPECT_EQ(grad(h * 1, h).item(), 5);
  EXPECT_EQ((std::vector{of_w, of_v, of_h}), (std::vector{1, 0, 2}));
}

TEST(Hooks, AreDifferentiatedUnderCreateGraph) {
  auto w = variable(fill<double>(2.0));
  auto h = w * w;
  auto hook = h.on_gradient([](const auto& g) { return g * g; });
  auto slope = grad<create_graph>(h * h, w);  // (2h)^2 2w = 8 w^5
  EXPECT_EQ(slope.value().item(), 8 * 32);
  const double through_h = 8.0 * 4 * 2 * 2, direct = 4.0 * 16 * 2;
  EXPECT_EQ(grad(slope * 1, w).item(), through_h * through_h * 4 + direct);  // this pass comes to h, too
  hook.remove();
  EXPECT_EQ(grad(slope * 1, w).item(), 40 * 16);
}

TEST(Hooks, OnConstantsAloneEndAtTheFirstOrder) {
  auto w = variable(fill(2.0f));
  double seen = 0;
  auto h = exp(w);
  h.on_gradient([&](const Tensor<float>& g) { seen = g.item(); });
  EXPECT_NEAR(grad(grad<create_graph>(h * 3, w), w).item(), 3 * std::exp(2.0), 1e-4);
  EXPECT_EQ(seen, 3);
  h.on_gradient([](const Tensor<float>& g) { return g * 2; });
  EXPECT_TRUE(throws<GraphError>([&] { (void)grad<create_graph>(h * 3, w); }, "[on_gradient] a hook on exp takes constants alone"));
}

TEST(Hooks, InACheckpointAreCalledInItsOwnPassOnly) {
  auto w = variable(fill(2.0f));
  auto x = w * 1;
  int inside = 0;
  std::vector<float> of_x, of_w;
  x.on_gradient([&](const Tensor<float>& g) { of_x.push_back(g.item()); });
  w.on_gradient([&](const Tensor<float>& g) { of_w.push_back(g.item()); });
  auto y = checkpoint(
      [&](const auto& a) {
        auto b = a * a;
        b.on_gradient([&](const auto& g) { return ++inside, g * 2; });
        return b + b + w;
      },
      x);
  EXPECT_EQ(inside, 0);
  (y + x).backward();  // through b: 2 * 2 * 2x; and 1
  EXPECT_EQ(inside, 1);
  EXPECT_EQ(of_x, (std::vector<float>{17}));
  EXPECT_EQ(of_w, (std::vector<float>{18}));
}

TEST(Hooks, InTransforms) {
  int calls = 0;
  const auto f = [&](const auto& p) {
    auto h = p * p;
    h.on_gradient([&](const auto& g) { return ++calls, g * 2; });
    return h * 1;
  };
  auto [value, pull] = vjp(f, tensor<2>({1, 2}));
  EXPECT_TRUE(equal(pull(tensor<2>({1, 10})), vector_of({4, 80})));
  EXPECT_TRUE(equal(pull(tensor<2>({1, 0})), vector_of({4, 0})));
  EXPECT_EQ(calls, 2);
}

TEST(Hooks, AreReplayedAsTheOpsThatTheyAre) {
  auto w = variable(tensor<2>({1, 2}));
  w.on_gradient([](const auto& g) { return clamp(g, -3.0f, 3.0f); });
  auto step = capture(
      [&](const auto& x) {
        w.zero_grad();
        (w * x).backward();
        return w.grad();
      },
      tensor<2>({1, 5}));
  EXPECT_EQ(step.results().to_vector(), (std::vector<float>{1, 3}));
  EXPECT_EQ(step(tensor<2>({-7, 2})).to_vector(), (std::vector<float>{-3, 2}));
  w.on_gradient([](const Tensor<float, 2>& g) { (void)g.to_vector(); });
  const auto f = [&] { return w.zero_grad(), (w * w).backward(), w.grad(); };
  EXPECT_TRUE(throws<GraphError>([&] { (void)capture(f); }, "reads a value, which a replay could not"));
}

TEST(Hooks, ThatThrowLeaveGradientsAlone) {
  auto w = variable(tensor<2>({1, 2}));
  (w * 5).backward();
  auto h = exp(w);
  auto hook = h.on_gradient([](const auto&) { throw std::runtime_error("stop"); });
  auto z = h * h;
  EXPECT_THROW(z.backward(retain_graph), std::runtime_error);
  EXPECT_TRUE(equal(w.grad(), vector_of({5, 5})));
  hook.remove();
  z.backward(retain_graph);
  w.on_gradient([](const auto&) { throw std::runtime_error("stop"); });
  EXPECT_THROW(z.backward(), std::runtime_error);
  EXPECT_TRUE(throws<GraphError>([&] { z.backward(); }, "freed the graph of a result of"));
}

TEST(Hooks, KeepTheShapeAndNeedAGraph) {
  static constexpr Dim<"batch"> batch;
  auto w = variable(ones<batch>(batch = 3));
  auto h = exp(w);
  h.on_gradient([](const auto&) { return ones<batch>(batch = 2); });
  EXPECT_TRUE(throws<ShapeError>([&] { h.backward(); }, "[on_gradient] a hook on exp keeps the gradient's shape: (3) and (2)"));
  Traced<float, 2> constant{ones<2>()};
  EXPECT_TRUE(throws<GraphError>([&] { constant.on_gradient([](const auto&) {}); }, "[on_gradient] the value was made from no variable"));
}

TEST(Hooks, AreLookedForWhileThereAreAny) {
  auto w = variable(tensor<2>({1, 2}));
  const auto observed = [&w] {
    const auto before = core::observed_pass_count();
    (w * 2).backward();
    return core::observed_pass_count() - before;
  };
  EXPECT_EQ(observed(), 0);
  {
    auto h = w * 1;
    auto removed = h.on_gradient([](const auto&) {});
    h.on_gradient([](const auto&) {});
    EXPECT_EQ(observed(), 1);
    removed.remove();
    removed.remove();
    EXPECT_EQ(observed(), 1);
  }
  EXPECT_EQ(observed(), 0) << "gone with its graph";
  auto hook = w.on_gradient([](const auto&) {});
  EXPECT_EQ(observed(), 1);
  hook.remove();
  EXPECT_EQ(observed(), 0);
  std::optional<Traced<float, 2>> kept;
  {
    AnomalyGuard on;
    kept = w * 3;
    EXPECT_EQ(observed(), 1);
  }
  EXPECT_EQ(observed(), 1) << "errors name the lines of that graph";
  kept.reset();
  EXPECT_EQ(observed(), 0);
}

template <class Z>
string dot(const Z& z) {
  std::ostringstream out;
  to_dot(z, out);
  return out.str();
}

TEST(Dot, ShowsOpsShapesTypesAndBytes) {
  auto w = variable(ones<3, 2>());
  auto b = variable(ones<2>());
  auto z = to<double>(tanh(matmul(ones<4, 3>(), w) + b));
  const string want =
      "digraph mushin {\n  rankdir=BT;\n  node [fontname=\"sans-serif\"];\n"
      "  n0 [label=\"cast\\n(4, 2) double\", shape=ellipse];\n  n1 -> n0 [label=\"(4, 2)\"];\n"
      "  n1 [label=\"tanh\\n(4, 2) float\\nsaves 32 bytes\", shape=ellipse];\n  n2 -> n1 [label=\"(4, 2)\"];\n"
      "  n2 [label=\"add\\n(4, 2) float\", shape=ellipse];\n  n3 -> n2 [label=\"(4, 2)\"];\n  n4 -> n2 [label=\"(2)\"];\n"
      "  n3 [label=\"matmul\\n(4, 2) float\\nsaves 48 bytes\", shape=ellipse];\n  n5 -> n3 [label=\"(3, 2)\"];\n"
      "  n4 [label=\"variable\\n(2) float\", shape=box, style=filled, fillcolor=lightblue];\n"
      "  n5 [label=\"variable\\n(3, 2) float\", shape=box, style=filled, fillcolor=lightblue];\n}\n";
  EXPECT_EQ(dot(z), want);
  EXPECT_EQ(dot(z), want);
  z.backward();
  EXPECT_TRUE(says(dot(z), {"tanh\\n(4, 2) float\\nfreed"}));
  EXPECT_TRUE(says(dot(b), {"n0 [label=\"variable\\n(2) float\""}));
}

TEST(Dot, ShowsFunctions) {
  auto w = variable(ones<3>());
  auto z = checkpoint([](const auto& a) { return sum(a * a); }, w);
  EXPECT_TRUE(says(dot(z), {"n0 [label=\"checkpoint\\n() float\\nsaves 12 bytes\"", "n1 -> n0 [label=\"(3)\"]"}));
  EXPECT_TRUE(says(dot(sum(exp(w))), {"n0 [label=\"sum\\n() float", "n1 -> n0 [label=\"(3)\"]", "n1 [label=\"exp\\n(3) float"}));
  Traced<float> constant{fill(1.0f)};
  EXPECT_TRUE(throws<GraphError>([&] { (void)dot(constant); }, "[to_dot] the value was made from no variable"));
}

TEST(Dot, OfALongChain) {
  auto w = variable(fill(1.0f));
  Traced<float> h = w;
  for (int i = 0; i < 100'000; ++i) h = h + w;
  const string text = dot(h);
  EXPECT_TRUE(says(text, {"n99999 [label=\"add\\n() float\"", "n100000 [label=\"variable"}));
}

TEST(Anomaly, InAForwardCallNamesOpElementAndLine) {
  auto x = variable(tensor<2, 2>({1, 2, -3, -4}));
  EXPECT_NO_THROW((void)log(x).value().to_vector());
  AnomalyGuard on;
  const int line = __LINE__ + 1;
  const string text = text_of_error<GraphError>([&] { (void)log(x); });
  EXPECT_TRUE(says(text, {"[log] the result must be finite", "nan at (1, 0) of (2, 2) float (forward call at ", at_line(line)})) << text;
  const auto before = core::graph_node_count();
  EXPECT_THROW((void)(x / 0.0f), GraphError);
  EXPECT_EQ(core::graph_node_count(), before);
}

TEST(Anomaly, InABackwardPassNamesTheForwardLine) {
  auto x = variable(tensor<3>({4, 0, 1}));
  (x * 7).backward();
  AnomalyGuard on;
  const int line = __LINE__ + 1;
  auto h = sqrt(x);
  auto z = h * 2;
  const string text = text_of_error<GraphError>([&] { z.backward(); });
  EXPECT_TRUE(says(text, {"[sqrt] the gradient of operand 0 must be finite", "inf at (1) of (3) float", at_line(line)})) << text;
  EXPECT_TRUE(equal(x.grad(), vector_of({7, 7, 7})));
  const auto slope = [&] { (void)grad(checkpoint([](const auto& a) { return sqrt(a); }, x), x); };
  EXPECT_TRUE(says(text_of_error<GraphError>(slope), {"[sqrt] the gradient of operand 0", at_line(__LINE__ - 1)}));
}

TEST(Anomaly, LetsInfinitiesPassThatWereThere) {
  auto x = variable(tensor<3>({1, 2, 3}));
  AnomalyGuard on;
  auto masked = where(tensor<bool, 3>({true, false, true}), x, fill<3>(-infinity));
  auto z = softmax<0>(masked);
  EXPECT_NEAR(z.value()(1), 0, 1e-7);
  z.backward();
  auto y = x * 2;
  y.backward(tensor<3>({1, infinity, 1}));
  EXPECT_EQ(x.grad()(1), infinity);
  const string text = text_of_error<GraphError>([&] { (void)(masked - masked); });
  EXPECT_TRUE(says(text, {"[sub] the result (operand 0 has -inf at (1) of (3) float) must be finite", "nan at (1)"}));
}

struct Inverse {
  static auto forward(const auto& ctx, const auto& x) { return ctx.save(1.0f / x, x); }
  static auto backward(const auto& ctx, const auto& gy) {
    const auto& [x] = ctx.saved();
    return gy / (x - x);
  }
};

TEST(Anomaly, LooksAtHooksAndFunctions) {
  auto x = variable(tensor<2>({1, 2}));
  x.on_gradient([](const auto& g) { return g / 0.0f; });
  AnomalyGuard on;
  EXPECT_TRUE(says(text_of_error<GraphError>([&] { (x * 2).backward(); }), {"[variable] the gradient that a hook gives", "inf at (0)"}));
  auto y = variable(tensor<2>({1, 0}));
  const auto at_zero = [&] { (void)apply<Inverse>(y); };
  EXPECT_TRUE(says(text_of_error<GraphError>(at_zero), {"[Inverse] the result must be finite", "inf at (1)", at_line(__LINE__ - 1)}));
  auto z = apply<Inverse>(y + 1);
  EXPECT_TRUE(says(text_of_error<GraphError>([&] { z.backward(); }), {"[Inverse] the gradient of operand 0", at_line(__LINE__ - 1)}));
}

TEST(Anomaly, NestsAndIsTheThreadsOwn) {
  auto x = variable(tensor<2>({-1, 2}));
  {
    AnomalyGuard on;
    { AnomalyGuard inner; }
    EXPECT_THROW((void)log(x), GraphError);
    std::thread([&] { EXPECT_NO_THROW((void)log(x)); }).join();
    EXPECT_NO_THROW((void)no_grad([&] { return log(x); }));
  }
  EXPECT_NO_THROW((void)log(x));
}

TEST(Anomaly, WhileCapturing) {
  auto w = variable(tensor<2>({1, 2}));
  AnomalyGuard on;
  const auto f = [&](const auto& x) {
    w.zero_grad();
    (log(w * x) * x).backward();
    return w.grad() + x;
  };
  auto step = capture(f, tensor<2>({1, 5}));
  EXPECT_EQ(step(tensor<2>({3, 4})).to_vector(), f(tensor<2>({3, 4})).to_vector());
  const int line = __LINE__ + 1;
  const auto read = [&](const auto& x) { return x * x(0); };
  const string text = text_of_error<GraphError>([&] { (void)capture(read, tensor<2>({1, 5})); });
  EXPECT_TRUE(says(text, {"[capture] ", "reads a value", " (called at ", at_line(line)})) << text;
}

TEST(Errors, NameTheOpAndTheLine) {
  static constexpr Dim<"batch"> batch;
  auto w = variable(ones<batch>(batch = 3));
  std::optional<AnomalyGuard> on(std::in_place);
  const int line = __LINE__ + 1;
  auto z = exp(w);
  Traced<float, 2> constant{ones<2>()};
  const auto no_graph = [&] { constant.backward(); };
  EXPECT_TRUE(says(text_of_error<GraphError>(no_graph), {"[backward] the value was made from no variable", at_line(__LINE__ - 1)}));
  on.reset();
  const auto short_one = [&] { z.backward(ones<batch>(batch = 2)); };
  EXPECT_TRUE(says(text_of_error<GraphError>(short_one), {"(3) and (2), of exp (forward call at ", at_line(line)}));
  z.backward();
  EXPECT_TRUE(says(text_of_error<GraphError>([&] { z.backward(); }), {"freed the graph of a result of exp", at_line(line)}));
}

TEST(Errors, OfAValueReadWhileCapturingNameTheLine) {
  const int line = __LINE__ + 1;
  const auto read = [](const auto& x) { return x * x(0); };
  const string text = text_of_error<GraphError>([&] { (void)capture(read, tensor<2>({1, 5})); });
  EXPECT_TRUE(says(text, {"[capture] ", "reads a value", " (called at ", at_line(line)})) << text;
  const auto later = text_of_error<ShapeError>([] { (void)tensor<2>({1, 2})(3); });
  EXPECT_EQ(later.find("called at"), later.npos) << later;
}

TEST(Errors, OfAFunctionNameItsLine) {
  auto w = variable(ones<2>()), other = variable(ones<2>());
  bool first = true;
  AnomalyGuard on;
  const int line = __LINE__ + 1;
  auto z = checkpoint([&](const auto& a) { return std::exchange(first, false) ? a * w : a * other; }, w);
  const string text = text_of_error<GraphError>([&] { z.backward(); });
  EXPECT_TRUE(says(text, {"[checkpoint] the function used another value", "gradient of checkpoint (forward call at ", at_line(line)}));
}

/// As optimisers do it, reusing memory where nobody else sees it.
void assign_in_place(const core::Leaf& leaf, double factor) {
  core::Leaf alias = leaf.alias();
  core::Array* const to[] = {&alias.value()};
  const core::Array next[] = {core::mul(*to[0], core::literal(factor, to[0]->type()))};
  core::assign(to, next, 1);
}

TEST(OldValues, AreThoseOfTheForwardCall) {
  auto w = variable(tensor<2>({1, 2}));
  core::evaluate(w.raw().value());
  auto z = w * w * w, pending = exp(w) * w;
  w.set(tensor<2>({10, 20}));
  assign_in_place(w.leaf(), 0.5);
  assign_in_place(w.leaf(), 0.5);
  EXPECT_TRUE(equal(w.value(), vector_of({2.5, 5})));
  auto slope = grad<create_graph>(z, w);
  EXPECT_TRUE(equal(grad(slope * 1, w), vector_of({6, 12})));
  z.backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({3, 12})));
  EXPECT_TRUE(close(grad(pending, w), vector_of({2 * std::exp(1.0), 3 * std::exp(2.0)})));
}

TEST(OldValues, AlsoWhereVariablesAreReadTwice) {
  auto w = variable(tensor<2>({1, 2}));
  auto old = w * 1;
  auto first = w.value();
  w.set(tensor<2>({5, 6}));
  auto z = old * w;  // both made from w, at different values
  z.backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({6, 8})));
  EXPECT_TRUE(equal(first, vector_of({1, 2})));
}

TEST(OldValues, WhileACapturedStepReplays) {
  auto w = variable(tensor<2>({1, 2}));
  const auto update = [&] { assign_in_place(w.leaf(), 2); };
  update();
  auto step = capture(update);  // w = (4, 8)
  auto z = w * w;
  step();
  step();
  EXPECT_TRUE(equal(w.value(), vector_of({16, 32})));
  z.backward();
  EXPECT_TRUE(equal(w.grad(), vector_of({8, 16})));
}

}  // namespace
}  // namespace mushin::test
