// Layers: values and gradients against double-precision loops, with batches larger than one.
#include "mushin/nn/layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/gradcheck.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Block {
  nn::Linear<64, 64> fc1, fc2;
  nn::Dropout drop{0.1f};
  auto operator()(const auto& x) const { return x + drop(fc2(nn::tanh(fc1(x)))); }
  MUSHIN_MODULE(Block, fc1, fc2, drop)
};

namespace {

inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

template <class T, mu::extent... E>
auto data(std::uint64_t stream, auto... sizes) {
  return mu::from<E...>(uniform<T>(stream, mu::detail::given_sizes<E...>(sizes...).count()), sizes...);
}

/// x W^T + b for x (n, in).
Ref affine(const Ref& x, const Ref& w, const Ref& b) {
  return map(matmul(x, permute(w, {1, 0})), b, [](double y, double bias) { return y + bias; });
}

}  // namespace

TEST(Linear, IsAnAffineMapOfEachRow) {
  const nn::Linear<5, 3> fc;
  const auto x = data<float, batch, 5>(1, batch = 7);
  const auto y = fc(x);
  static_assert(std::same_as<decltype(fc(x)), mu::Traced<float, batch, 3>>);
  EXPECT_TRUE(close(y, affine(ref(x), ref(fc.weight), ref(fc.bias))));
}

TEST(Linear, TakesAnyLeadingAxes) {
  const nn::Linear<4, 2, double> fc;
  const auto one = data<double, 4>(2);
  const auto many = data<double, batch, steps, 4>(3, batch = 3, steps = 5);
  static_assert(std::same_as<decltype(fc(one)), mu::Traced<double, 2>>);
  static_assert(std::same_as<decltype(fc(many)), mu::Traced<double, batch, steps, 2>>);
  const auto w = ref(fc.weight), b = ref(fc.bias);
  EXPECT_TRUE(close(fc(one), Ref{{2}, affine(Ref{{1, 4}, ref(one).values}, w, b).values}, 1e-12));
  EXPECT_TRUE(close(fc(many), Ref{{3, 5, 2}, affine(Ref{{15, 4}, ref(many).values}, w, b).values}, 1e-12));
}

TEST(Linear, GradientsAreSummedOverTheBatch) {
  nn::Linear<5, 3> fc;
  const auto x = mu::variable(data<float, 4, 5>(4));
  const auto cotangent = data<float, 4, 3>(5);
  fc(x).backward(cotangent);
  const auto c = ref(cotangent);
  EXPECT_TRUE(close(fc.weight.grad(), matmul(permute(c, {1, 0}), ref(x))));
  EXPECT_TRUE(close(fc.bias.grad(), sum(c, {0})));
  EXPECT_TRUE(close(x.grad(), matmul(c, ref(fc.weight))));
}

TEST(Linear, BeginsAsPyTorchDoes) {
  mu::manual_seed(3);
  const nn::Linear<100, 200> fc;
  for (const auto& values : {ref(fc.weight), ref(fc.bias)}) {
    double least = 1, greatest = -1, squares = 0;
    for (double v : values.values) least = std::min(least, v), greatest = std::max(greatest, v), squares += v * v;
    EXPECT_GE(least, -0.1);
    EXPECT_LE(greatest, 0.1);
    EXPECT_LT(least, -0.095);
    EXPECT_GT(greatest, 0.095);
    EXPECT_NEAR(squares / static_cast<double>(values.values.size()), 0.01 / 3, 0.0006);
  }
}

TEST(Linear, TheSeedDecides) {
  mu::manual_seed(4);
  const nn::Linear<3, 2> a, b;
  mu::manual_seed(4);
  const nn::Linear<3, 2> again;
  EXPECT_TRUE(equal(again.weight, ref(a.weight)));
  EXPECT_TRUE(equal(again.bias, ref(a.bias)));
  EXPECT_FALSE(equal(b.weight, ref(a.weight)));
}

TEST(Sequential, AppliesItsLayersInTurn) {
  const nn::Sequential<nn::Linear<3, 5>, nn::Relu, nn::Linear<5, 2>, nn::Softmax<>> s;
  const auto x = data<float, batch, 3>(6, batch = 4);
  static_assert(std::same_as<decltype(s(x)), mu::Traced<float, batch, 2>>);
  const auto parts = nn::parameters(s);
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[2].name, "2.weight");
  const auto value = [&](int i) { return ref(parts[static_cast<std::size_t>(i)].leaf.traced().value()); };
  const auto hidden = map(affine(ref(x), value(0), value(1)), [](double v) { return v > 0 ? v : 0; });
  EXPECT_TRUE(close(s(x), softmax(affine(hidden, value(2), value(3)), 1)));
}

TEST(Sequential, IsMadeOfGivenLayers) {
  nn::Linear<2, 2> first;
  first.bias.set(mu::fill<2>(9.0f));
  const nn::Sequential s{std::move(first), nn::Tanh{}};
  EXPECT_EQ(nn::parameters(s)[1].leaf.traced().value().sizes(), (mu::core::Sizes{2}));
  const auto copy = nn::clone(s);
  EXPECT_TRUE(equal(copy(mu::ones<3, 2>()), ref(s(mu::ones<3, 2>()))));
}

TEST(Budgeted, CutsAStackSoThatItsPeakFits) {
  const auto all = nn::plan_checkpoints(10, 100, 10, 1000);
  EXPECT_EQ(all.plain, 10) << "nothing is recomputed";
  const auto some = nn::plan_checkpoints(10, 100, 10, 450);
  EXPECT_EQ(some.plain, 4);
  EXPECT_EQ(some.peak, 420);
  const auto best = nn::plan_checkpoints(10, 100, 10, 50);
  EXPECT_EQ(best.peak, 190) << "as near as may be";
  EXPECT_TRUE(has(text_of_error<mu::Error>([] { nn::Budgeted none{{.budget = 0}}; }), {"[Budgeted]", "positive", ": 0"}));
}

TEST(Budgeted, KeepsLessAndGivesTheSameBits) {
  mu::manual_seed(8);
  const std::vector<Block> blocks(12);
  const auto x = mu::randn<256, 64>();
  struct Seen {
    std::size_t kept;
    std::vector<std::vector<float>> gradients;
  };
  const auto run = [&](auto&& apply) {
    mu::manual_seed(9);
    const auto device = mu::default_device();
    mu::synchronize(device);
    const auto before = mu::memory_stats(device).in_use;
    const auto y = apply();
    mu::core::evaluate(y.raw().value());
    mu::synchronize(device);
    Seen s{mu::memory_stats(device).in_use - before, {}};
    y.backward();
    for (const auto& b : blocks) {
      s.gradients.push_back(b.fc1.weight.grad().to_vector());
      s.gradients.push_back(b.fc2.bias.grad().to_vector());
      for (const auto* w : {&b.fc1.weight, &b.fc2.weight}) const_cast<mu::Variable<float, 64, 64>*>(w)->zero_grad();
      for (const auto* w : {&b.fc1.bias, &b.fc2.bias}) const_cast<mu::Variable<float, 64>*>(w)->zero_grad();
    }
    s.gradients.push_back(mu::randu<3>().to_vector());  // and the generator stands where it would
    return s;
  };
  const Seen plain = run([&] {
    mu::Traced y{x};
    for (const Block& b : blocks) y = b(y);
    return y;
  });
  nn::Budgeted stack{{.budget = static_cast<std::int64_t>(plain.kept / 3)}};
  for (int i = 0; i < 2; ++i) {
    const Seen less = run([&] { return stack(blocks, x); });
    EXPECT_EQ(less.gradients, plain.gradients) << i;
    EXPECT_LE(less.kept, plain.kept / 3) << "plain: " << plain.kept;
  }
  EXPECT_LT(stack.plan().plain, 12);
  EXPECT_LE(stack.plan().peak, static_cast<std::int64_t>(plain.kept / 3));
}

TEST(Activations, AsFunctionsAndAsLayersAreTheSame) {
  const auto x = data<float, 3, 4>(7);
  const auto r = ref(x);
  EXPECT_TRUE(close(nn::Relu{}(x), map(r, [](double v) { return std::max(v, 0.0); })));
  EXPECT_TRUE(close(nn::Tanh{}(x), map(r, [](double v) { return std::tanh(v); })));
  EXPECT_TRUE(close(nn::Sigmoid{}(x), map(r, [](double v) { return 1 / (1 + std::exp(-v)); })));
  EXPECT_TRUE(close(nn::Softmax<0>{}(x), softmax(r, 0)));
  EXPECT_TRUE(close(nn::Softmax<>{}(x), softmax(r, 1)));
  EXPECT_TRUE(close(nn::LogSoftmax<>{}(x), map(softmax(r, 1), [](double v) { return std::log(v); })));
  EXPECT_TRUE(equal(nn::softmax<1>(x), ref(nn::Softmax<1>{}(x))));
}

TEST(Activations, SpecialValues) {
  const auto x = mu::variable(mu::tensor<4>({NAN, INFINITY, 500, -500}));
  const auto check = [&x](auto f, double at_infinity, double slope_far_below) {
    const auto y = f(x);
    EXPECT_TRUE(std::isnan(y.value()(0)));
    EXPECT_EQ(y.value()(1), at_infinity);
    EXPECT_FLOAT_EQ(y.value()(2), f(mu::fill<1>(500.0f))(0));
    const auto g = mu::grad(y, x);
    EXPECT_NEAR(g(2) / y.value()(2), 1 / 500.0, 1e-8);
    EXPECT_EQ(g(3), static_cast<float>(slope_far_below));
  };
  check(nn::LeakyRelu{}, INFINITY, 0.01);
  check(nn::Elu{}, INFINITY, 0);
  check(nn::Selu{}, INFINITY, 0);
  check(nn::Gelu{}, INFINITY, 0);
  check(nn::Silu{}, INFINITY, 0);
  check(nn::Softplus{}, INFINITY, 0);
  check(nn::Hardswish{}, INFINITY, 0);
  check(nn::Mish{}, INFINITY, 0);
  EXPECT_EQ(nn::softplus(mu::fill<mu::f16, 1>(mu::f16{15.0f})).to<float>()(0), 15.0f);
}

TEST(Activations, GradientsOfTheSecondOrder) {
  const auto smooth = [](const auto& x) {
    return nn::elu(x + 3.0) + nn::elu(x - 3.0, 0.5) + nn::selu(x - 4.0) + nn::gelu(x) + nn::gelu(x, nn::GeluForm::tanh) + nn::silu(x) +
           nn::softplus(x, 2, 5) + nn::mish(x) + nn::hardswish(x * 0.5);
  };
  EXPECT_TRUE(gradcheck(smooth, mushin::test::data<2, 3>(8)));
  EXPECT_TRUE(gradcheck([](const auto& x) { return nn::glu<0>(x); }, mushin::test::data<4, 2>(8)));
}

TEST(Activations, TheShapeOfGlu) {
  const auto x = mu::zeros<batch, 6>(batch = 2);
  static_assert(std::same_as<decltype(nn::glu(x)), mu::Tensor<float, batch, 3>>);
  EXPECT_EQ(nn::glu(x).shape(), (mu::core::Sizes{2, 3}));
}

TEST(Dropout, KeepsTheMeanWhileTraining) {
  mu::manual_seed(5);
  nn::Dropout drop{0.25f};
  const auto y = ref(drop(mu::ones<100, 100>()));
  int zeros = 0;
  for (double v : y.values) {
    zeros += v == 0;
    EXPECT_TRUE(v == 0 || std::abs(v - 1 / 0.75) < 1e-6);
  }
  EXPECT_NEAR(zeros, 2500, 150);
  drop.training = false;
  EXPECT_TRUE(equal(drop(mu::ones<3, 3>()), full({3, 3}, 1)));
}

TEST(Dropout, TheGradientHasTheSameMask) {
  mu::manual_seed(6);
  const nn::Dropout drop;
  const auto x = mu::variable(mu::ones<50>());
  const auto y = drop(x);
  y.backward();
  EXPECT_TRUE(equal(x.grad(), ref(y)));
}

TEST(Dropout, TheProbabilityIsAProbability) {
  const auto x = mu::ones<2>();
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::Dropout{1.0f}(x); }), {"[Dropout]", "[0, 1)", ": 1"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::Dropout{-0.5f}(x); }), {"[Dropout]", "-0.5"}));
}
