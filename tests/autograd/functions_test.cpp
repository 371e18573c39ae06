// Functions with a gradient written by hand.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

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

/// a^2 b, whose backward has no gradient; a derivative along tangents it has.
struct Forward {
  int* tangents;
  auto forward(auto& ctx, const auto& a, const auto& b) const { return ctx.save(a * a * b, a, b); }
  auto backward(const auto& ctx, const Constant auto& gy) const {
    const auto [a, b] = ctx.saved();
    return std::tuple{2 * a * b * gy, a * a * gy};
  }
  auto jvp(const auto& ctx, const auto& ta, const auto& tb) const {
    ++*tangents;
    const auto [a, b] = ctx.saved();
    return 2 * a * b * ta + a * a * tb;
  }
};

/// a^2, whose derivative along a tangent has none itself.
struct FlatTangent {
  static auto forward(auto& ctx, const auto& a) { return ctx.save(a * a, a); }
  static auto backward(const auto& ctx, const Constant auto& gy) {
    const auto [a] = ctx.saved();
    return 2 * a * gy;
  }
  static auto jvp(const auto& ctx, const Constant auto& ta) {
    const auto [a] = ctx.saved();
    return 2 * a * ta;
  }
};

TEST(CustomFunction, SaysThatItsTangentHasNoDerivative) {
  const auto f = [](const auto& a) { return apply<FlatTangent>(a); };
  const auto a = tensor<double, 2>({1, 2}), t = tensor<double, 2>({1, -1});
  EXPECT_TRUE(equal(mushin::jvp(f)(a, t), Ref{{2}, {2, -4}}));
  EXPECT_TRUE(throws<GraphError>([&] { mushin::jvp([&](const auto& p) { return mushin::jvp(f)(p, t); })(a, t); },
                                 "[FlatTangent] its jvp takes constants alone, so that it has no derivative"));
}

TEST(CustomFunction, HasItsOwnForwardMode) {
  int asked = 0;
  const auto f = [&](const auto& a, const auto& b) { return 3 * mushin::apply(Forward{&asked}, 2 * a, b); };  // 12 a^2 b
  const auto a = tensor<double, 2>({1, 2}), b = tensor<double, 2>({3, 5}), t = tensor<double, 2>({1, -1}), u = tensor<double, 2>({10, 100});
  EXPECT_TRUE(equal(mushin::jvp(f)(std::tuple{a, b}, std::tuple{t, u}), Ref{{2}, {72 + 120, -240 + 4800}}));
  EXPECT_EQ(asked, 2) << "once for each operand";
  // Along a again: its jvp is made of ops.
  const auto g = [&](const auto& p) { return f(p, b); };
  const auto second = mushin::jvp([&](const auto& p) { return mushin::jvp(g)(p, t); })(a, u);
  EXPECT_TRUE(equal(second, Ref{{2}, {24 * 3 * 10, -24 * 5 * 100}}));
  EXPECT_TRUE(equal(vmap([&](const auto& p, const auto& q) { return mushin::jvp(g)(p * ones<double, 2>(), q * t); })(a, b),
                    Ref{{2, 2}, {216, -360, 720, -1200}}));
  const auto x = variable(a);
  EXPECT_TRUE(
      throws<GraphError>([&] { grad(grad<create_graph>(g(x), x), x); }, "[Forward] its backward takes constants alone, and its jvp"));
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

testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no '" << part << "' in: " << text;
}

/// Cube with a slope that is `off` at one element.
struct WrongCube {
  double off;
  auto forward(auto& ctx, const auto& x) const { return ctx.save(x * x * x, x); }
  auto backward(const auto& ctx, const auto& gy) const {
    const auto [x] = ctx.saved();
    return 3 * x * x * gy + tensor<double, 2, 2>({0, 0, off, 0}).to<typename std::remove_cvref_t<decltype(gy)>::element>();
  }
};
auto wrong_by(double off) {
  return [off](const auto& x, const auto&...) { return mushin::apply(WrongCube{off}, x); };
}

TEST(Gradcheck, TellsWhereAGradientIsWrong) {
  const auto x = tensor<double, 2, 2>({1, -2, 0.5, 3});
  const auto good = gradcheck(wrong_by(0), x);
  EXPECT_TRUE(good.ok) << good.text;
  EXPECT_LT(good.worst, 1e-8);
  EXPECT_TRUE(has(good.text, "[gradcheck] gradients agree: 0 of 4 elements differ"));
  const auto bad = gradcheck(wrong_by(1e-3), x);
  EXPECT_FALSE(bad.ok);
  EXPECT_GT(bad.worst, bad.tolerance);
  EXPECT_TRUE(has(bad.text, "[gradcheck] gradients are wrong: 1 of 4 elements differ; the worst is operand 0 (double (2, 2)) at (1, 0)"));
  EXPECT_TRUE(has(bad.text, ": the gradient is 0.610375, central differences with step 6.06e-06 give 0.609375,"));
  EXPECT_FALSE(gradcheck(wrong_by(NAN), x).ok);
  EXPECT_TRUE(std::isnan(gradcheck(wrong_by(NAN), x).worst));
}

TEST(Gradcheck, KnowsThePrecisionOfEachType) {
  auto check = []<class T>(T, double off) { return gradcheck(wrong_by(off), tensor<double, 2, 2>({1, -2, 0.5, 3}).to<T>()); };
  EXPECT_TRUE(check(float{}, 0).ok) << check(float{}, 0).text;
  EXPECT_TRUE(has(check(float{}, 0).text, "; in float differences have few digits: check in double for more"));
  EXPECT_FALSE(check(float{}, 0.5).ok);
  EXPECT_TRUE(check(f16{}, 0).ok) << check(f16{}, 0).text;
  EXPECT_FALSE(check(f16{}, 20).ok);
  EXPECT_TRUE(check(bf16{}, 0).ok) << check(bf16{}, 0).text;
  EXPECT_FALSE(check(bf16{}, 40).ok);
}

/// Right at the first order, but what it saves does depend on x.
struct Sine {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(sin(x), ctx.independent(cos(x))); }
  static auto backward(const auto& ctx, const auto& gy) { return std::get<0>(ctx.saved()) * gy; }
};

TEST(Gradcheck, OfSeveralOperandsAndOfGradients) {
  auto f = [](const auto& a, const auto& rows, const auto& b) { return sum<1>(take(a, rows) * exp(b)); };
  const auto a = from<3, 2>(uniform<double>(1, 6));
  const auto b = from<4, 2>(uniform<double>(2, 8));
  const auto rows = tensor<std::int64_t, 4>({2, 0, 2, 1});
  const auto w = variable(b);
  EXPECT_TRUE(gradcheck(f, a, rows, w).ok) << gradcheck(f, a, rows, w).text;
  EXPECT_TRUE(gradgradcheck(f, a, rows, w).ok) << gradgradcheck(f, a, rows, w).text;
  EXPECT_TRUE(gradgradcheck([](const auto& x) { return x * 2; }, a).ok) << "of a linear function";
  EXPECT_TRUE(gradcheck([](const auto& x) { return sum(softmax<1>(x)); }, a).ok) << "zero but for rounding";
  EXPECT_TRUE(gradcheck([](const auto& x) { return x * randu<double, 3, 2>(); }, a).ok) << "the same numbers at each call";
  EXPECT_TRUE(has(gradcheck([](const auto& x) { return x * 2; }, zeros<double, 0>()).text, "nothing was checked"));
  EXPECT_TRUE(gradcheck([](const auto& x) { return mushin::apply<Sine>(x); }, a).ok);
  const auto second = gradgradcheck([](const auto& x) { return mushin::apply<Sine>(x); }, a);
  EXPECT_FALSE(second.ok);
  EXPECT_TRUE(has(second.text, "[gradgradcheck] gradients are wrong: 6 of 6 elements differ"));
}

TEST(Checkpoint, GivesTheSameGradients) {
  auto x = variable(from<3, 4>(uniform<double>(1, 12)));
  auto w = variable(from<4, 4>(uniform<double>(2, 16)));
  const auto c = from<4>(uniform<double>(3, 4));
  auto f = [&w](const auto& a, const auto& b) { return tanh(matmul(a, w) + b) * b; };
  auto outer = [&](const auto& a) { return mushin::checkpoint(f, a, c) + mushin::checkpoint(f, a * 2, c) * sum(w); };  // nested
  auto plain = [&](const auto& a) { return f(a, c) + f(a * 2, c) * sum(w); };
  const auto h = x * x, y = mushin::checkpoint(outer, h), z = plain(h);
  static_assert(std::same_as<decltype(y), const Traced<double, 3, 4>>);
  EXPECT_TRUE(equal(y.value(), ref(z.value())));
  const auto [yx, yw, yh] = grad<create_graph>(y * y, x, w, h);
  const auto [zx, zw, zh] = grad<create_graph>(z * z, x, w, h);
  EXPECT_TRUE(close(yx.value(), ref(zx.value()), 1e-12) && close(yw.value(), ref(zw.value()), 1e-12) &&
              close(yh.value(), ref(zh.value()), 1e-12));
  const auto second = grad<create_graph>(sum(yx * yx) + sum(yw * yw), w), expected = grad<create_graph>(sum(zx * zx) + sum(zw * zw), w);
  EXPECT_TRUE(close(second.value(), ref(expected.value()), 1e-10));
  EXPECT_TRUE(close(grad(second, x), ref(grad(expected, x)), 1e-9));
  const auto [gw, gx] = grad(z, w, x);
  y.backward();
  EXPECT_TRUE(close(w.grad(), ref(gw), 1e-12) && close(x.grad(), ref(gx), 1e-12));
  EXPECT_TRUE(throws<GraphError>([&] { y.backward(); }, "[backward] an earlier backward() freed the graph of a result of checkpoint"));
  static_assert(std::same_as<decltype(no_grad([&] { return mushin::checkpoint(outer, h); })), Tensor<double, 3, 4>>);
  EXPECT_TRUE(equal(no_grad([&] { return mushin::checkpoint(outer, h); }), ref(z.value())));
}

TEST(Checkpoint, DrawsTheSameNumbersAgain) {
  manual_seed(7);
  auto x = variable(ones<1000>());
  auto drop = [](const auto& a) { return a * bernoulli<1000>(0.5) * randu<1000>(); };
  const auto y = mushin::checkpoint([&](const auto& a) { return mushin::checkpoint(drop, drop(a)); }, x);
  const auto after = randu<4>();
  y.backward();
  EXPECT_TRUE(close(x.grad(), ref(y.value()), 1e-6)) << "y is linear in x";
  const auto next = randu<4>();
  manual_seed(7);
  drop(drop(ones<1000>()));
  EXPECT_TRUE(equal(after, ref(randu<4>())));
  EXPECT_TRUE(equal(next, ref(randu<4>()))) << "the recomputation leaves the generator alone";
}

TEST(Checkpoint, KeepsTheInputsAlone) {
  constexpr int blocks = 20;
  constexpr std::size_t bytes = 128 * 128 * 4;
  auto w = variable(fill<128, 128>(0.01f));
  auto block = [&w](const auto& a) { return matmul(exp(matmul(sigmoid(matmul(a, w)), w)), w); };
  auto grown = [&](auto step) {
    Traced<float, 128, 128> h{ones<128, 128>()};
    const std::size_t before = memory_stats(h.device()).in_use;
    const auto nodes = core::graph_node_count();
    for (int i = 0; i < blocks; ++i) h = step(h);
    core::evaluate(h.raw().value());
    EXPECT_GE(core::graph_node_count() - nodes, blocks);
    const std::size_t after = memory_stats(h.device()).in_use;
    sum(h).backward();
    return static_cast<double>(after - before) / bytes;
  };
  EXPECT_GE(grown(block), 3 * blocks);
  EXPECT_LE(grown([&](const auto& h) { return mushin::checkpoint(block, h); }), blocks + 2);
}

TEST(Checkpoint, TellsWhatIsNotTheSame) {
  auto x = variable(ones<2>()), w = variable(ones<2>()), other = variable(ones<2>());
  bool first = true;
  auto f = [&](const auto& a) { return a * (std::exchange(first, false) ? w : other); };
  auto y = mushin::checkpoint(f, x);
  EXPECT_TRUE(throws<GraphError>([&] { y.backward(); }, "[checkpoint] the function used another value, made by variable, than at first"));
  auto z = mushin::checkpoint([&](const auto& a) { return a * w; }, x);
  w.set(zeros<2>());
  EXPECT_TRUE(throws<GraphError>([&] { z.backward(); }, "[checkpoint] a variable that the function reads was set after the first call"));
  int calls = 0;
  auto t = mushin::checkpoint([&](const auto& a) { return ++calls == 2 ? throw 7 : a * w; }, x);
  EXPECT_THROW(t.backward(), int);
  EXPECT_TRUE(equal(x.grad(), full({2}, 0)) && equal(w.grad(), full({2}, 0)) && equal(other.grad(), full({2}, 0)));
  auto unused = mushin::checkpoint([&](const auto& a) { return w * 3 + a.value(); }, x * 2);
  unused.backward();
  EXPECT_TRUE(equal(w.grad(), full({2}, 3)) && equal(x.grad(), full({2}, 0)));
}

}  // namespace
}  // namespace mushin::test
