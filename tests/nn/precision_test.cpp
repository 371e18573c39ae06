// Mixed precision: nn::autocast and nn::GradScaler.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Weights {
  mu::Variable<float, 3> w{mu::tensor<3>({1.0f, -2.0f, 0.5f})};
  MUSHIN_MODULE(Weights, w)
};
struct TwoTypes {
  mu::Variable<float, 1> a{mu::zeros<1>()};
  mu::Variable<double, 1> b{mu::zeros<double, 1>()};
  MUSHIN_MODULE(TwoTypes, a, b)
};
struct Regressor {
  nn::Linear<4, 16> fc1;
  nn::Linear<16, 1> fc2;
  auto operator()(const auto& x) const { return fc2(nn::tanh(fc1(x))); }
  MUSHIN_MODULE(Regressor, fc1, fc2)
};

namespace {

std::vector<float> values(const Weights& net) { return net.w.value().to_vector(); }
auto loss_of(const Weights& net) { return mu::sum(net.w * net.w * net.w); }

/// One weight, no bias: what it makes of x.
template <class Scope>
float once(float x) {
  nn::Linear<1, 1> layer;
  layer.weight.set(mu::tensor<1, 1>({1.0f})), layer.bias.set(mu::tensor<1>({0.0f}));
  const Scope scope;
  return layer(mu::tensor<1, 1>({x})).value()(0, 0);
}
struct NoScope {
  NoScope() {}
};
struct Hole {
  nn::autocast<mu::f16> outer;
  nn::autocast<float> inner;
};

/// The loss before each of twenty steps.
template <class Scope>
std::vector<float> trained(nn::GradScaler scaler) {
  mu::manual_seed(7);
  Regressor net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1, .momentum = 0.5}};
  const auto x = mu::from<32, 4>(uniform<float>(1, 128));
  const auto y = mu::sum<1>(x * x, mu::keep);
  std::vector<float> out;
  for (int t = 0; t < 20; ++t) {
    auto loss = [&] {
      const Scope scope;
      return nn::mse(net(x), y);
    }();
    out.push_back(loss.value().item());
    scaler.scale(loss).backward();
    EXPECT_TRUE(scaler.step(opt));
    scaler.update();
    opt.zero_grad();
  }
  return out;
}

}  // namespace

TEST(Autocast, RoundsTheOperandsOfProducts) {
  const float fine = 1 + 0x1p-10f, finer = 1 + 0x1p-13f;
  EXPECT_EQ(once<NoScope>(finer), finer);
  EXPECT_EQ(once<nn::autocast<mu::bf16>>(fine), 1);
  EXPECT_EQ(once<nn::autocast<mu::f16>>(fine), fine);
  EXPECT_EQ(once<nn::autocast<mu::f16>>(finer), 1);
  EXPECT_EQ(once<Hole>(finer), finer);
  EXPECT_EQ(once<NoScope>(finer), finer);
}

TEST(Autocast, RoundsTheProductAndAddsTheBiasInFloat) {
  nn::Linear<2, 1> layer;
  layer.weight.set(mu::tensor<1, 2>({256.0f, 1.0f})), layer.bias.set(mu::tensor<1>({0.25f}));
  const nn::autocast<mu::bf16> narrow;
  const auto y = layer(mu::tensor<1, 2>({1.0f, 1.0f}));
  static_assert(std::is_same_v<decltype(y)::element, float>);
  EXPECT_EQ(y.value()(0, 0), 256.25f);
}

TEST(Autocast, GradientsAreFloatAndOfRoundedProducts) {
  nn::Linear<1, 1> layer;
  layer.weight.set(mu::tensor<1, 1>({1 + 0x1p-10f}));
  const auto x = mu::variable(mu::tensor<1, 1>({3 + 0x1p-9f}));
  auto y = [&] {
    const nn::autocast<mu::bf16> narrow;
    return layer(x);
  }();
  y.backward();
  EXPECT_EQ(layer.weight.grad()(0, 0), 3);
  EXPECT_EQ(x.grad()(0, 0), 1);
  EXPECT_EQ(layer.weight.value()(0, 0), 1 + 0x1p-10f);
}

TEST(Autocast, BilinearMultipliesNarrow) {
  mu::manual_seed(7);
  const nn::Bilinear<3, 4, 2> bilinear;
  const auto x = mu::variable(mu::from<5, 3>(uniform<float>(11, 15)));
  const auto z = mu::from<5, 4>(uniform<float>(12, 20));
  const auto rows = mu::reshape<3, 8>(mu::permute<1, 0, 2>(bilinear.weight));
  const auto half = mu::matmul(x.to<mu::bf16>(), rows.to<mu::bf16>()).to<float>();
  const auto want = mu::sum<-1>(mu::reshape<5, 2, 4>(half) * mu::unsqueeze<-2>(z)) + bilinear.bias;
  want.backward();
  const Ref dw = ref(bilinear.weight.grad()), dx = ref(x.grad());
  for (auto& p : nn::parameters(bilinear)) p.leaf.zero_grad();
  const auto leaf = mu::variable(x.value());
  EXPECT_FALSE(close(bilinear(leaf, z), ref(want), 1e-5, 1e-5));
  const auto y = [&] {
    const nn::autocast<mu::bf16> narrow;
    return bilinear(leaf, z);
  }();
  EXPECT_TRUE(close(y, ref(want), 0, 0));
  y.backward();
  EXPECT_TRUE(close(bilinear.weight.grad(), dw, 0, 0));
  EXPECT_TRUE(close(leaf.grad(), dx, 0, 0));
}

TEST(Autocast, AttentionMultipliesNarrow) {
  mu::manual_seed(3);
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::from<2, 5, 8>(uniform<float>(2, 80));
  const auto narrow_product = [](const auto& a, const auto& b) {
    return mu::matmul(a.template to<mu::bf16>(), b.template to<mu::bf16>()).template to<float>();
  };
  const auto rows = narrow_product(x, mu::transpose(attention.in_proj_weight.value())) + attention.in_proj_bias.value();
  const auto part = [&]<int I>(std::integral_constant<int, I>) {
    return mu::permute<0, 2, 1, 3>(mu::reshape<2, 5, 2, 4>(mu::slice<2, 8 * I, 8 * I + 8>(rows)));
  };
  const auto q = part(std::integral_constant<int, 0>{}), k = part(std::integral_constant<int, 1>{}),
             v = part(std::integral_constant<int, 2>{});
  const auto weights = mu::softmax<-1>(narrow_product(q * 0.5, mu::transpose(k)));
  const auto mixed = mu::reshape<2, 5, 8>(mu::permute<0, 2, 1, 3>(narrow_product(weights, v)));
  const Ref want = ref(narrow_product(mixed, mu::transpose(attention.out_proj.weight.value())) + attention.out_proj.bias.value());
  const nn::autocast<mu::bf16> narrow;
  EXPECT_TRUE(close(ref(attention(x, x, x).value()), want, 0, 0));
}

TEST(Autocast, ConvolutionsMultiplyNarrow) {
  mu::manual_seed(4);
  const auto rounded = [](const auto& t) { return t.template to<mu::bf16>(); };
  auto x = mu::variable(mu::from<2, 4, 6, 5>(uniform<float>(5, 240)));
  nn::Conv2d<4, 6, 3, 2, 1, 1, 2> conv;
  nn::ConvTranspose2d<4, 6, 3, 2, 1, 1, 2, false> back;
  const auto sums = mu::conv<2, 1, 1, 2>(rounded(x), rounded(conv.weight)).to<float>();
  const auto want = sums + mu::reshape<6, 1, 1>(conv.bias);
  const auto want_back = mu::conv_transpose<2, 1, 1, 2>(rounded(x), rounded(back.weight)).to<float>();
  (mu::sum(want * want) + mu::sum(want_back * want_back)).backward();
  const Ref dx = ref(x.grad()), dw = ref(conv.weight.grad()), db = ref(conv.bias.grad()), back_dw = ref(back.weight.grad());
  x.zero_grad(), conv.weight.zero_grad(), conv.bias.zero_grad(), back.weight.zero_grad();
  const auto [y, z] = [&] {
    const nn::autocast<mu::bf16> narrow;
    return std::tuple{conv(x), back(x)};
  }();
  EXPECT_TRUE(close(y, ref(want), 0, 0));
  EXPECT_TRUE(close(z, ref(want_back), 0, 0));
  EXPECT_FALSE(close(conv(x), ref(want), 0, 0));
  (mu::sum(y * y) + mu::sum(z * z)).backward();  // the scope is left: products are as those before
  EXPECT_TRUE(close(ref(x.grad()), dx, 0, 0));
  EXPECT_TRUE(close(ref(conv.weight.grad()), dw, 0, 0));
  EXPECT_TRUE(close(ref(conv.bias.grad()), db, 0, 0));
  EXPECT_TRUE(close(ref(back.weight.grad()), back_dw, 0, 0));
}

TEST(Autocast, ConvolutionsOfManyAtOnceMultiplyNarrow) {
  const nn::Conv1d<2, 3, 3> conv;
  const auto x = mu::from<4, 2, 2, 7>(uniform<float>(6, 112));
  const auto sums = mu::conv(mu::reshape<8, 2, 7>(x).to<mu::bf16>(), conv.weight.to<mu::bf16>()).to<float>();
  const Ref want = ref(mu::reshape<4, 2, 3, 5>(sums + mu::reshape<3, 1>(conv.bias)));
  const nn::autocast<mu::bf16> narrow;
  EXPECT_TRUE(close(mu::vmap([&](const auto& one) { return conv(one); })(x), want, 0, 0));
}

TEST(Autocast, RecurrentLayersMultiplyNarrow) {
  mu::manual_seed(5);
  nn::RNN<3, 4> rnn;
  const auto x = mu::from<2, 3, 3>(uniform<float>(7, 18));
  const auto product = [](const auto& a, const auto& w) {
    return mu::matmul(a.template to<mu::bf16>(), mu::transpose(w).template to<mu::bf16>()).template to<float>();
  };
  mu::Traced<float, 2, 4> h{mu::zeros<2, 4>()};
  for (std::int64_t t = 0; t < 3; ++t)
    h = nn::tanh(product(h, rnn.weight_hh()) + (product(mu::at<1>(x, t), rnn.weight_ih()) + (rnn.bias_ih() + rnn.bias_hh())));
  mu::sum(h * h).backward();
  const Ref dw = ref(rnn.weight_hh().grad()), dx = ref(rnn.weight_ih().grad());
  rnn.weight_hh().zero_grad(), rnn.weight_ih().zero_grad();
  EXPECT_FALSE(close(mu::at<0>(std::get<1>(rnn(x)), 0), ref(h), 1e-5, 1e-5));
  const auto last = [&] {
    const nn::autocast<mu::bf16> narrow;
    return mu::at<0>(std::get<1>(rnn(x)), 0);
  }();
  EXPECT_TRUE(close(last, ref(h), 0, 0));
  mu::sum(last * last).backward();
  EXPECT_TRUE(close(ref(rnn.weight_hh().grad()), dw, 1e-6, 1e-6));  // summed in float
  EXPECT_TRUE(close(ref(rnn.weight_ih().grad()), dx, 1e-2, 1e-3));  // one product for all steps: it is rounded once
}

/// Under autocast a layer's outputs are those of its cell, whose products are rounded as well, and not those in float.
template <class Layer, class Cell>
void narrow_as_its_cell(const auto&... zeros) {
  const Layer layer;
  const Cell cell;
  const auto from = nn::parameters(layer), to = nn::parameters(cell);
  for (std::size_t i = 0; i < from.size(); ++i) to[i].leaf.alias().set(from[i].leaf.traced().value());
  const auto x = mu::from<2, 3, 3>(uniform<float>(8, 18));
  const Ref wide = ref(std::get<0>(layer(x)).value());
  const nn::autocast<mu::bf16> narrow;
  const auto y = std::get<0>(layer(x));
  EXPECT_FALSE(close(ref(y.value()), wide, 1e-5, 1e-5));
  EXPECT_TRUE(close(ref(y.value()), wide, 0.05, 0.02));
  auto now = std::tuple{mu::Traced<float, 2, 4>{zeros}...};
  for (std::int64_t t = 0; t < 3; ++t) {
    now = std::apply([&](const auto&... s) { return std::tuple{cell(mu::at<1>(x, t), s...)}; }, now);
    EXPECT_TRUE(close(mu::at<1>(y, t), ref(std::get<0>(now)), 0, 0)) << t;
  }
}
TEST(Autocast, GatedLayersMultiplyNarrowAsTheirCells) {
  mu::manual_seed(6);
  const auto none = mu::zeros<2, 4>();
  narrow_as_its_cell<nn::GRU<3, 4>, nn::GRUCell<3, 4>>(none);
  narrow_as_its_cell<nn::LSTM<3, 4>, nn::LSTMCell<3, 4>>(none, none);
}

// One node for all steps, and gradients of it of any order.
TEST(Autocast, ARecurrentLayerRecordsNoSteps) {
  mu::manual_seed(9);
  const auto nodes = [](const auto& y) {
    std::ostringstream dot;
    mu::to_dot(y, dot);
    const std::string text = dot.str();
    return std::count(text.begin(), text.end(), '\n');
  };
  const nn::autocast<mu::bf16> narrow;
  const auto of = [&](const auto& layer) {
    const auto short_one = std::get<0>(layer(mu::from<2, 2, 3>(uniform<float>(8, 12))));
    const auto long_one = std::get<0>(layer(mu::from<2, 9, 3>(uniform<float>(8, 54))));
    EXPECT_EQ(nodes(long_one), nodes(short_one));
    // Gradients of the first order are those of the second order's graph.
    const auto x = mu::variable(mu::from<2, 4, 3>(uniform<float>(8, 24)));
    const auto loss = [&] {
      const auto y = std::get<0>(layer(x));
      return mu::sum(y * y);
    };
    for (const auto& p : nn::parameters(layer)) p.leaf.alias().zero_grad();
    const auto plain = mu::grad(loss(), x);
    const auto linked = mu::grad<mu::create_graph>(loss(), x);
    EXPECT_TRUE(close(linked, ref(plain), 1e-6, 1e-7));
    const Ref second = ref(mu::grad(mu::sum(linked * linked), x));
    double size = 0;
    for (const double v : second.values) size += std::abs(v);
    EXPECT_TRUE(std::isfinite(size) && size > 0);
  };
  of(nn::RNN<3, 4>{});
  of(nn::GRU<3, 4>{});
  of(nn::LSTM<3, 4>{});
}

/// What a layer's gradients are under autocast: those of its cell, step after step.
template <class Layer, class Cell>
void narrow_gradients_of_the_cell(const auto&... zeros) {
  const Layer layer;
  const Cell cell;
  const auto from = nn::parameters(layer), to = nn::parameters(cell);
  for (std::size_t i = 0; i < from.size(); ++i) to[i].leaf.alias().set(from[i].leaf.traced().value());
  const auto x = mu::from<2, 5, 3>(uniform<float>(8, 30));
  const nn::autocast<mu::bf16> narrow;
  const auto y = std::get<0>(layer(x));
  mu::sum(y * y).backward();
  auto now = std::tuple{mu::Traced<float, 2, 4>{zeros}...};
  mu::Traced<float> loss{mu::fill<float>(0)};
  for (std::int64_t t = 0; t < 5; ++t) {
    now = std::apply([&](const auto&... s) { return std::tuple{cell(mu::at<1>(x, t), s...)}; }, now);
    loss = loss + mu::sum(std::get<0>(now) * std::get<0>(now));
  }
  loss.backward();
  EXPECT_TRUE(close(from[1].leaf.grad(), ref(to[1].leaf.grad()), 1e-5, 1e-5));  // of the products with the states
  EXPECT_TRUE(close(from[3].leaf.grad(), ref(to[3].leaf.grad()), 1e-5, 1e-5));
}
TEST(Autocast, GradientsOfRecurrentLayersAreThoseOfTheirCells) {
  mu::manual_seed(6);
  const auto none = mu::zeros<2, 4>();
  narrow_gradients_of_the_cell<nn::RNN<3, 4>, nn::RNNCell<3, 4>>(none);
  narrow_gradients_of_the_cell<nn::GRU<3, 4>, nn::GRUCell<3, 4>>(none);
  narrow_gradients_of_the_cell<nn::LSTM<3, 4>, nn::LSTMCell<3, 4>>(none, none);
}

TEST(Autocast, TrainingFollowsThatInFloat) {
  const auto wide = trained<NoScope>(nn::GradScaler{{.enabled = false}});
  const auto brain = trained<nn::autocast<mu::bf16>>(nn::GradScaler{{.enabled = false}});
  const auto half = trained<nn::autocast<mu::f16>>(nn::GradScaler{{.init_scale = 1024}});
  EXPECT_LT(wide.back(), 0.5f * wide.front());
  EXPECT_NE(brain, wide);
  EXPECT_NE(half, wide);
  for (std::size_t t = 0; t < wide.size(); ++t) {
    EXPECT_NEAR(brain[t], wide[t], 0.02 * wide[0]) << t;
    EXPECT_NEAR(half[t], wide[t], 0.003 * wide[0]) << t;
  }
}

TEST(GradScaler, APowerOfTwoChangesNothing) {
  Weights plain, scaled;
  nn::Adam one{nn::parameters(plain), {.lr = 0.1}}, other{nn::parameters(scaled), {.lr = 0.1}};
  nn::GradScaler scaler{{.init_scale = 256, .growth_interval = 2}};
  for (int t = 0; t < 6; ++t) {
    one.zero_grad(), other.zero_grad();
    loss_of(plain).backward();
    one.step();
    scaler.scale(loss_of(scaled)).backward();
    EXPECT_TRUE(scaler.step(other));
    scaler.update();
    EXPECT_EQ(values(scaled), values(plain)) << t;
  }
  EXPECT_EQ(scaler.scale(), 2048);
}

TEST(GradScaler, AnOverflowLeavesTheStepOut) {
  Weights net;
  nn::Adam opt{nn::parameters(net)};
  nn::GradScaler scaler{{.init_scale = 1024, .growth_interval = 2}};
  const auto before = values(net);
  const auto step = [&](float last) {
    opt.zero_grad();
    scaler.scale(mu::sum(net.w * mu::tensor<3>({1.0f, 1.0f, last}))).backward();
    const bool stepped = scaler.step(opt);
    scaler.update();
    return stepped;
  };
  EXPECT_FALSE(step(3e38f));  // finite; times 1024 it isn't
  EXPECT_EQ(values(net), before);
  EXPECT_EQ(opt.state_dict().size(), 3u);  // a rate and two powers: no moments yet
  EXPECT_EQ(scaler.scale(), 512);
  EXPECT_FALSE(step(std::nanf("")));
  EXPECT_EQ(scaler.scale(), 256);
  EXPECT_TRUE(step(1));
  EXPECT_NE(values(net), before);
  EXPECT_EQ(scaler.scale(), 256);
  EXPECT_FALSE(step(HUGE_VALF));  // the count begins again
  EXPECT_TRUE(step(1));
  EXPECT_EQ(scaler.scale(), 128);
  EXPECT_TRUE(step(1));
  EXPECT_EQ(scaler.scale(), 256);
}

TEST(GradScaler, UnscaledGradientsCanBeClipped) {
  Weights net;
  nn::SGD opt{nn::parameters(net), {.lr = 1}};
  nn::GradScaler scaler{{.init_scale = 64}};
  scaler.scale(mu::sum(net.w * mu::tensor<3>({3.0f, 0.0f, 4.0f}))).backward();
  scaler.unscale(opt);
  EXPECT_EQ(nn::clip_grad_norm(nn::parameters(net), 1).item(), 5);
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { scaler.unscale(opt); }), {"[GradScaler]", "once before update()"}));
  EXPECT_TRUE(scaler.step(opt));
  EXPECT_NEAR(values(net)[0], 1 - 0.6, 1e-6);
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { scaler.step(opt); }), {"[GradScaler]", "one step before update()"}));
  scaler.update();
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { scaler.update(); }), {"[GradScaler] update() needs a step"}));
}

TEST(GradScaler, GoesOnFromASavedState) {
  Weights net;
  nn::SGD opt{nn::parameters(net)};
  nn::GradScaler scaler{{.init_scale = 8, .growth_interval = 3}}, other{{.growth_interval = 3}};
  const auto step = [&](nn::GradScaler& s) {
    opt.zero_grad();
    s.scale(loss_of(net)).backward();
    s.step(opt), s.update();
  };
  step(scaler), step(scaler);
  auto state = scaler.state_dict();
  other.load_state_dict(state);
  EXPECT_EQ(other.scale(), 8);
  step(other);
  EXPECT_EQ(other.scale(), 16);
  state.pop_back();
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { other.load_state_dict(state); }),
                  {"[load_state_dict] the state must be that of a GradScaler: missing growth_tracker"}));
  state.push_back({"extra", state[0].value});
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { other.load_state_dict(state); }), {"[load_state_dict]", "extra is no such number"}));
  EXPECT_EQ(other.scale(), 16);
}

TEST(GradScaler, OptionsThatMakeNoSense) {
  const auto error = [](nn::GradScalerOptions o) { return text_of_error<mu::Error>([&] { nn::GradScaler{o}; }); };
  EXPECT_TRUE(has(error({.init_scale = 0}), {"[GradScaler] init_scale must be positive: 0"}));
  EXPECT_TRUE(has(error({.growth_factor = 1}), {"[GradScaler] growth_factor must be more than 1: 1"}));
  EXPECT_TRUE(has(error({.backoff_factor = 1}), {"[GradScaler] backoff_factor must be in (0, 1): 1"}));
  EXPECT_TRUE(has(error({.growth_interval = 0}), {"[GradScaler] growth_interval must be positive: 0"}));
}

TEST(Schedules, OptionsThatMakeNoSense) {
  const Weights net;
  nn::SGD opt{nn::parameters(net)};
  const auto check = [](auto make, const char* sentence) { EXPECT_EQ(text_of_error<mu::Error>(make), sentence); };
  check([&] { nn::StepLR s(opt, {.step_size = 0}); }, "[StepLR] step_size must be positive: 0");
  check([&] { nn::StepLR s(opt, {.gamma = INFINITY}); }, "[StepLR] gamma must be positive: inf");
  check([&] { nn::ExponentialLR s(opt, {.gamma = 0}); }, "[ExponentialLR] gamma must be positive: 0");
  check([&] { nn::CosineLR s(opt, {.period = -1}); }, "[CosineLR] period must be positive: -1");
  check([&] { nn::CosineLR s(opt, {.min_lr = -1}); }, "[CosineLR] min_lr must not be negative: -1");
  check([&] { nn::WarmupLR s(opt, {.steps = 0}); }, "[WarmupLR] steps must be positive: 0");
  check([&] { nn::WarmupLR s(opt, {.start_factor = 1.5}); }, "[WarmupLR] start_factor must be in (0, 1]: 1.5");
  const auto cycle = [&](nn::OneCycleLROptions o, const char* s) { check([&] { nn::OneCycleLR schedule(opt, o); }, s); };
  cycle({.max_lr = 0}, "[OneCycleLR] max_lr must be positive: 0");
  cycle({.total_steps = 0}, "[OneCycleLR] total_steps must be positive: 0");
  cycle({.rise = 1.5}, "[OneCycleLR] rise must be in [0, 1]: 1.5");
  cycle({.div_factor = -1}, "[OneCycleLR] div_factor must be positive: -1");
  cycle({.final_div_factor = 0}, "[OneCycleLR] final_div_factor must be positive: 0");
  check([&] { nn::ReduceOnPlateau s(opt, {.factor = 1}); }, "[ReduceOnPlateau] factor must be in (0, 1): 1");
  check([&] { nn::ReduceOnPlateau s(opt, {.min_lr = -1}); }, "[ReduceOnPlateau] min_lr must not be negative: -1");
  check([&] { nn::ReduceOnPlateau s(opt, {.patience = -1}); }, "[ReduceOnPlateau] patience must not be negative: -1");
  check([&] { nn::ReduceOnPlateau s(opt, {.threshold = -1}); }, "[ReduceOnPlateau] threshold must not be negative: -1");
  check([&] { nn::ReduceOnPlateau s(opt, {.cooldown = -1}); }, "[ReduceOnPlateau] cooldown must not be negative: -1");
}

TEST(LBFGS, NeedsItsFunctionAndSoundOptions) {
  Weights net;
  nn::LBFGS opt{nn::parameters(net)};
  nn::Optimizer& base = opt;
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { base.step(); }), {"[LBFGS] step needs the function"}));
  const auto error = [&](const nn::LBFGSOptions& options) {
    return text_of_error<mu::Error>([&] { nn::LBFGS{nn::parameters(net), options}; });
  };
  EXPECT_TRUE(has(error({.lr = 0}), {"[LBFGS] lr must be positive: 0"}));
  EXPECT_TRUE(has(error({.max_iter = 0}), {"[LBFGS] max_iter must be positive: 0"}));
  EXPECT_TRUE(has(error({.max_eval = -1}), {"[LBFGS] max_eval must not be negative: -1"}));
  EXPECT_TRUE(has(error({.history_size = 0}), {"[LBFGS] history_size must be positive: 0"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { nn::LBFGS{nn::Parameters{}}; }), {"[LBFGS] there must be a parameter"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { opt.step([&] { return net.w * 1.0f; }); }), {"[LBFGS] the loss must be a scalar"}));
  const TwoTypes two;
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { nn::LBFGS{nn::parameters(two)}; }),
                  {"[LBFGS] all parameters must have the element type of the first: b"}));
  auto state = opt.state_dict();
  state.push_back({"state.0.d", net.w.value().raw()});
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { opt.load_state_dict(state); }),
                  {"[load_state_dict] the state must be that of such an optimiser", "of d and prev_flat_grad"}));
}
