// Layers: values and gradients against double-precision loops, with batches larger than one.
#include "mushin/nn/layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/product.hpp"
#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/gradcheck.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Times {
  mu::Variable<float, 8, 8> weight{mu::eye<8, 8>(0.5f)};
  auto operator()(const auto& x) const { return mu::matmul(x, weight); }
  MUSHIN_MODULE(Times, weight)
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

TEST(Convolutions, BeginAsPyTorchDoes) {
  const auto expect_within = [](const auto& layer, double bound) {
    for (const auto& values : {ref(layer.weight), ref(layer.bias)}) {
      double greatest = 0;
      for (double v : values.values) greatest = std::max(greatest, std::abs(v));
      EXPECT_LE(greatest, bound);
      EXPECT_GT(greatest, 0.8 * bound);
    }
  };
  mu::manual_seed(4);
  expect_within(nn::Conv1d<8, 40, 5>{}, 1 / std::sqrt(40.0));
  expect_within(nn::Conv2d<8, 40, mu::PerAxis{3, 2}, 1, 0, 1, 4>{}, 1 / std::sqrt(12.0));
  expect_within(nn::Conv3d<2, 40, 2>{}, 1 / std::sqrt(16.0));
  expect_within(nn::ConvTranspose2d<8, 40, 3, 1, 0, 0, 2>{}, 1 / std::sqrt(180.0));  // by what each input goes to
  static_assert(std::same_as<decltype(nn::Conv2d<8, 40, 3, 1, 0, 1, 4>::weight), mu::Variable<float, 40, 2, 3, 3>>);
  static_assert(std::same_as<decltype(nn::ConvTranspose2d<8, 40, 3, 1, 0, 0, 2>::weight), mu::Variable<float, 8, 20, 3, 3>>);
  static_assert(nn::Conv2d<6, 4, 3, 1, 1, 1, 2>::flops(mu::Shape{2, 6, 8, 8}) == 2 * 4 * 64 * 2 * 27);
  static_assert(nn::ConvTranspose2d<4, 3, 2, 2>::flops(mu::Shape{1, 4, 3, 3}) == 2 * 36 * 12);
  static_assert(nn::MaxPool2d<2>::flops(mu::Shape{1, 4, 6, 6}) == 4 * 9 * 4);
  const nn::Conv2d<3, 4, 3, 1, 1, 1, 1, false> plain;
  EXPECT_EQ(nn::parameters(plain).size(), 1u);
  EXPECT_EQ(nn::parameters(nn::clone(plain)).size(), 1u);
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

TEST(Sequential, AnActivationIsOnePassWithTheProductBefore) {
  const nn::Sequential<Times, nn::Gelu, Times, nn::Relu> net;
  const auto frozen = nn::freeze(net);
  const auto x = data<float, 4, 8>(7);
  const auto w = mu::eye<8, 8>(0.5f);
  const auto epilogues = [](const auto& f) {
    const std::size_t before = mu::core::epilogue_count();
    (void)ref(f());
    return mu::core::epilogue_count() - before;
  };
  const auto want = epilogues([&] { return mu::relu(mu::matmul(nn::gelu(mu::matmul(x, w)), w)); });
  EXPECT_EQ(epilogues([&] { return frozen(x); }), want);
  EXPECT_TRUE(std::string(mu::default_device().name()) != "builtin" || want == 2) << want;
}

namespace {
/// Looks at what it gets, and may not keep it.
struct Looks {
  auto operator()(auto& x) const { return x * 2.0f; }
};
struct Takes {
  auto operator()(auto&& x) const { return std::forward<decltype(x)>(x) + 1.0f; }
};
}  // namespace

TEST(Sequential, TakesLayersOfAnyKindOfReference) {
  const nn::Sequential<Looks, Looks, Takes, Looks, Takes, nn::Relu, Looks> net;
  EXPECT_TRUE(equal(net(mu::tensor<2>({1, -1})), Ref{{2}, {22, 0}}));
  const auto x = mu::variable(mu::tensor<2>({1, -1}));
  mu::sum(net(x)).backward();
  EXPECT_TRUE(equal(x.grad(), Ref{{2}, {16, 0}}));
}

TEST(Sequential, IsMadeOfGivenLayers) {
  nn::Linear<2, 2> first;
  first.bias.set(mu::fill<2>(9.0f));
  const nn::Sequential s{std::move(first), nn::Tanh{}};
  EXPECT_EQ(nn::parameters(s)[1].leaf.traced().value().sizes(), (mu::core::Sizes{2}));
  const auto copy = nn::clone(s);
  EXPECT_TRUE(equal(copy(mu::ones<3, 2>()), ref(s(mu::ones<3, 2>()))));
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

TEST(BatchNorm, RunningStatisticsServeWhenItIsNotTraining) {
  nn::BatchNorm1d<2> norm;
  const auto x = mu::tensor<2, 2>({1, 10, 3, 30});
  (void)norm(x);
  EXPECT_TRUE(close(norm.running_mean.value(), Ref{{2}, {0.2, 2}}));
  EXPECT_TRUE(close(norm.running_var.value(), Ref{{2}, {0.9 + 0.2, 0.9 + 20}}));
  EXPECT_EQ(norm.num_batches_tracked.value().item(), 1);
  nn::eval(norm);
  EXPECT_FALSE(norm.training);
  const auto y = norm(x);
  EXPECT_TRUE(
      close(y, map(Ref{{2, 2}, {0.8, 8, 2.8, 28}}, Ref{{2}, {1.1, 20.9}}, [](double d, double v) { return d / std::sqrt(v + 1e-5); })));
  EXPECT_EQ(norm.num_batches_tracked.value().item(), 1);
  EXPECT_EQ(nn::parameters(norm).size(), 2u);
  EXPECT_EQ(nn::state(norm).size(), 5u);
}

TEST(BatchNorm, ACopyHasStatisticsOfItsOwn) {
  const nn::BatchNorm1d<2> norm;
  const auto copy = nn::clone(norm);
  (void)norm(mu::tensor<2, 2>({1, 10, 3, 30}));
  EXPECT_TRUE(equal(copy.running_mean.value(), full({2}, 0)));
  EXPECT_EQ(copy.num_batches_tracked.value().item(), 0);
}

TEST(BatchNorm, CapturedStepsFollowTheirBatches) {
  const nn::BatchNorm1d<3> eager, captured;
  const auto batch_at = [](int t) { return data<float, 5, 3>(static_cast<std::uint64_t>(20 + t)); };
  (void)eager(batch_at(0)), (void)captured(batch_at(0));
  auto again = mu::capture([&](const mu::Tensor<float, 5, 3>& x) { return captured(x).value(); }, batch_at(1));
  (void)eager(batch_at(1));
  for (int t = 2; t < 5; ++t) {
    EXPECT_TRUE(equal(again(batch_at(t)), ref(eager(batch_at(t))))) << "step " << t;
    EXPECT_TRUE(equal(captured.running_var.value(), ref(eager.running_var.value()))) << "step " << t;
    EXPECT_EQ(captured.num_batches_tracked.value().item(), t + 1);
  }
}

TEST(BatchNorm, OneValueForEachChannelHasNoVariance) {
  const nn::BatchNorm1d<2> norm;
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)norm(mu::ones<1, 2>()); }),
                  {"[BatchNorm] training needs more than one value for each channel: 1 of 2 channels"}));
  EXPECT_TRUE(equal(norm.running_mean.value(), full({2}, 0)));
}

TEST(Embedding, LooksUpRows) {
  const nn::Embedding<5, 3, 2> table;
  const auto weight = ref(table.weight);
  for (std::int64_t i = 0; i < 5; ++i) EXPECT_EQ(weight.at({i, 0}) == 0, i == 2) << "row " << i;
  const auto ids = mu::from<batch, 2>(std::vector<std::int64_t>{4, 2, 0, 4}, batch = 2);
  static_assert(std::same_as<decltype(table(ids)), mu::Traced<float, batch, 2, 3>>);
  EXPECT_EQ(table(ids).value()(1, 1, 2), table.weight.value()(4, 2));
  const auto beyond = [&table] {
    (void)table(mu::fill<std::int64_t, 1>(5));
    mu::synchronize(table.weight.value().device());
  };
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>(beyond), {"index out of range: 5 in an axis of extent 5"}));
}

TEST(Bilinear, TakesAnyLeadingAxes) {
  const nn::Bilinear<3, 4, 2> layer;
  const auto x = data<float, batch, 6, 3>(30, batch = 2);
  const auto z = data<float, batch, 6, 4>(31, batch = 2);
  static_assert(std::same_as<decltype(layer(x, z)), mu::Traced<float, batch, 6, 2>>);
  const Ref w = ref(layer.weight), b = ref(layer.bias), rx = ref(x), rz = ref(z);
  EXPECT_TRUE(close(layer(x, z), generate({2, 6, 2}, [&](const Index& i) {
                      double y = b.at({i[2]});
                      for (std::int64_t l = 0; l < 3; ++l)
                        for (std::int64_t r = 0; r < 4; ++r) y += rx.at({i[0], i[1], l}) * w.at({i[2], l, r}) * rz.at({i[0], i[1], r});
                      return y;
                    })));
}

TEST(Normalization, ChainsAcceptTheirShapes) {
  const nn::Sequential<nn::GroupNorm<2, 4>, nn::Flatten, nn::LayerNorm<24>, nn::RMSNorm<24>> chain;
  const auto x = data<float, batch, 4, 6>(32, batch = 3);
  static_assert(std::same_as<decltype(chain(x)), mu::Traced<float, batch, 24>>);
  const auto y = ref(chain(x));
  double squares = 0;
  for (std::int64_t k = 0; k < 24; ++k) squares += y.at({1, k}) * y.at({1, k});
  EXPECT_NEAR(squares / 24, 1, 1e-3);
}

namespace {
struct Moments {
  double mean, deviation, least, greatest;
};
Moments moments(const Ref& values) {
  const auto n = static_cast<double>(values.values.size());
  Moments m{0, 0, values.values[0], values.values[0]};
  for (double v : values.values) m.mean += v / n, m.least = std::min(m.least, v), m.greatest = std::max(m.greatest, v);
  for (double v : values.values) m.deviation += (v - m.mean) * (v - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  return m;
}
}  // namespace

TEST(Init, DistributionsHaveTheirWidths) {
  mu::manual_seed(8);
  const auto v = mu::variable(mu::zeros<50, 10, 4>());  // fans: in 40, out 200
  const auto uniform_within = [&v](double bound) {
    const Moments m = moments(ref(v));
    EXPECT_NEAR(m.greatest, bound, 0.02 * bound);
    EXPECT_NEAR(m.least, -bound, 0.02 * bound);
    EXPECT_NEAR(m.deviation, bound / std::sqrt(3.0), 0.05 * bound);
  };
  const auto normal_of = [&v](double mean, double deviation) {
    const Moments m = moments(ref(v));
    EXPECT_NEAR(m.mean, mean, 0.1 * deviation);
    EXPECT_NEAR(m.deviation, deviation, 0.06 * deviation);
    EXPECT_GT(m.greatest, mean + 2.5 * deviation);
  };
  nn::init::xavier_uniform(v, 2), uniform_within(2 * std::sqrt(6.0 / 240));
  nn::init::xavier_normal(v), normal_of(0, std::sqrt(2.0 / 240));
  nn::init::kaiming_uniform(v), uniform_within(std::sqrt(6.0 / 40));
  nn::init::kaiming_normal(v, nn::init::Fan::out, 1), normal_of(0, 1 / std::sqrt(200.0));
  nn::init::normal(v, 3, 0.5), normal_of(3, 0.5);
  nn::init::uniform(v, -2, 2), uniform_within(2);
  nn::init::constant(v, 1.5);
  EXPECT_TRUE(equal(v, full({50, 10, 4}, 1.5)));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { nn::init::uniform(v, 2, 1); }), {"[uniform] low must not be more than high: 2"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { nn::init::normal(v, 0, -1); }), {"[normal] the deviation must not be negative: -1"}));
}

TEST(Init, OrthogonalRowsOrColumns) {
  const auto check = [](const auto& v, const Ref& flat) {
    nn::init::orthogonal(v, 3);
    Ref a{flat.shape, ref(v).values};
    const bool wide = a.shape[0] < a.shape[1];
    const Ref t = permute(a, {1, 0});
    const Ref square = wide ? matmul(a, t) : matmul(t, a);
    EXPECT_TRUE(close(square, generate(square.shape, [](const Index& i) { return i[0] == i[1] ? 9.0 : 0.0; }), 1e-5, 1e-5));
  };
  check(mu::variable(mu::zeros<5, 3>()), full({5, 3}, 0));
  check(mu::variable(mu::zeros<3, 2, 4>()), full({3, 8}, 0));
}
