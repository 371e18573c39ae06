// Ten steps of each optimiser, the rates of each schedule, and clipped gradients, against PyTorch.
#include <gtest/gtest.h>

#include "reference.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Two {
  mu::Variable<float, 2, 3> a{given<2, 3>("optimizers/a")};
  mu::Variable<float, 4> b{given<4>("optimizers/b")};
  MUSHIN_MODULE(Two, a, b)
};
struct Alone {
  mu::Variable<float, 4> b{mu::zeros<4>()};
  MUSHIN_MODULE(Alone, b)
};

struct Curve {
  mu::Variable<double, 4, 3> a;
  mu::Variable<double, 4> b;
  MUSHIN_MODULE(Curve, a, b)
};

namespace {

nn::Parameters one_of(const Two& net, std::size_t i) {
  auto all = nn::parameters(net);
  nn::Parameters out;
  out.push_back(std::move(all[i]));
  return out;
}

/// Gradients that are those of the file at step t.
void backward(const Two& net, int t) {
  const auto ga = given<10, 2, 3>("optimizers/ga");
  const auto gb = given<10, 4>("optimizers/gb");
  (mu::sum(net.a * mu::at<0>(ga, t)) + mu::sum(net.b * mu::at<0>(gb, t))).backward();
}

/// b is a group of its own, with half the rate.
template <class Optimizer, class Options>
void ten_steps(const std::string& name, Options options) {
  SCOPED_TRACE(name);
  const Two net;
  Optimizer optimizer{one_of(net, 0), options};
  options.lr *= 0.5;
  optimizer.add(one_of(net, 1), options);
  const Ref a = torch_says(name + "/a"), b = torch_says(name + "/b");
  for (int t = 0; t < 10; ++t) {
    backward(net, t);
    optimizer.step();
    optimizer.zero_grad();
    const auto row = [t](const Ref& all, Index shape) {
      const auto n = count(shape);
      return Ref{shape, {all.values.begin() + t * n, all.values.begin() + (t + 1) * n}};
    };
    ASSERT_TRUE(close(net.a, row(a, {2, 3}), 1e-5, 2e-6)) << "step " << t;
    ASSERT_TRUE(close(net.b, row(b, {4}), 1e-5, 2e-6)) << "step " << t;
  }
}

/// A second group has another rate; `make` gives the schedule, `advance` calls its step.
template <class Make>
void rates(const std::string& name, Make make, auto advance) {
  SCOPED_TRACE(name);
  const Alone one, other;
  nn::SGD optimizer{nn::parameters(one), {.lr = 0.5}};
  optimizer.add(nn::parameters(other), {.lr = 0.2});
  auto schedule = make(optimizer);
  const Ref want = torch_says(name + "/rates");
  for (std::int64_t t = 0; t < want.shape[0]; ++t) {
    for (std::int64_t g = 0; g < 2; ++g)
      ASSERT_NEAR(optimizer.group_lr(static_cast<std::size_t>(g)), want.at({t, g}), 1e-12) << "step " << t << ", group " << g;
    advance(schedule, t);
  }
}
template <class S, class Options>
void schedule(const std::string& name, Options options) {
  rates(
      name, [&options](nn::Optimizer& o) { return S(o, options); }, [](S& s, std::int64_t) { s.step(); });
}

}  // namespace

TEST(Parity, Optimizers) {
  ten_steps<nn::SGD>("sgd", nn::SGDOptions{.lr = 0.1});
  ten_steps<nn::SGD>("sgd_momentum", nn::SGDOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05});
  ten_steps<nn::SGD>("sgd_dampening", nn::SGDOptions{.lr = 0.1, .momentum = 0.8, .dampening = 0.3});
  ten_steps<nn::SGD>("sgd_nesterov", nn::SGDOptions{.lr = 0.1, .momentum = 0.8, .weight_decay = 0.01, .nesterov = true});
  ten_steps<nn::Adam>("adam", nn::AdamOptions{.lr = 0.05});
  ten_steps<nn::Adam>("adam_amsgrad",
                      nn::AdamOptions{.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.05, .amsgrad = true});
  ten_steps<nn::AdamW>("adamw", nn::AdamWOptions{.lr = 0.05});
  ten_steps<nn::AdamW>("adamw_amsgrad", nn::AdamWOptions{.lr = 0.05, .weight_decay = 0.3, .amsgrad = true});
  ten_steps<nn::RMSprop>("rmsprop", nn::RMSpropOptions{.lr = 0.02});
  ten_steps<nn::RMSprop>("rmsprop_all",
                         nn::RMSpropOptions{.lr = 0.02, .alpha = 0.9, .weight_decay = 0.05, .momentum = 0.7, .centered = true});
  ten_steps<nn::Adagrad>("adagrad", nn::AdagradOptions{.lr = 0.1});
  ten_steps<nn::Adagrad>("adagrad_all",
                         nn::AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.05, .initial_accumulator_value = 0.2});
  ten_steps<nn::Lion>("lion", nn::LionOptions{.lr = 0.02, .weight_decay = 0.1});
}

TEST(Parity, Schedules) {
  schedule<nn::StepLR>("step_lr", nn::StepLROptions{.step_size = 3, .gamma = 0.5});
  schedule<nn::ExponentialLR>("exponential_lr", nn::ExponentialLROptions{.gamma = 0.8});
  schedule<nn::CosineLR>("cosine_lr", nn::CosineLROptions{.period = 8, .min_lr = 0.01});
  schedule<nn::OneCycleLR>("one_cycle_lr", nn::OneCycleLROptions{.max_lr = 0.9, .total_steps = 14});
  schedule<nn::OneCycleLR>(
      "one_cycle_lr_linear",
      nn::OneCycleLROptions{.max_lr = 0.9, .total_steps = 13, .rise = 0.4, .linear = true, .div_factor = 10, .final_div_factor = 100});
  schedule<nn::WarmupLR>("warmup_lr", nn::WarmupLROptions{.steps = 5, .start_factor = 0.25});
}

TEST(Parity, ReduceOnPlateau) {
  const Ref measured = torch_says("plateau/measured");
  const auto advance = [&measured](nn::ReduceOnPlateau& s, std::int64_t t) {
    if (t < measured.shape[0]) s.step(measured.at({t}));
  };
  rates(
      "plateau", [](nn::Optimizer& o) { return nn::ReduceOnPlateau(o, {.factor = 0.5, .patience = 2}); }, advance);
  const nn::ReduceOnPlateauOptions all{
      .factor = 0.1, .patience = 1, .threshold = 0.1, .absolute = true, .maximize = true, .cooldown = 2, .min_lr = 0.004};
  rates(
      "plateau_2", [&all](nn::Optimizer& o) { return nn::ReduceOnPlateau(o, all); }, advance);
}

TEST(Parity, ClippedGradients) {
  const Two net;
  backward(net, 0);
  const auto norm = nn::clip_grad_norm(nn::parameters(net), 1.5);
  EXPECT_TRUE(as_torch(norm, "clip/norm"));
  EXPECT_TRUE(as_torch(net.a.grad(), "clip/norm_a"));
  EXPECT_TRUE(as_torch(net.b.grad(), "clip/norm_b"));
  const Two other;
  backward(other, 0);
  nn::clip_grad_value(nn::parameters(other), 0.5);
  EXPECT_TRUE(as_torch(other.a.grad(), "clip/value_a"));
  EXPECT_TRUE(as_torch(other.b.grad(), "clip/value_b"));
}

TEST(Parity, GradScaler) {
  struct {
    mu::Variable<float, 3> w{mu::ones<3>()};
  } net;
  nn::Parameters parameters;
  parameters.push_back({"w", net.w.leaf().alias()});
  nn::SGD opt{std::move(parameters), {.lr = 0.25}};
  nn::GradScaler scaler{{.init_scale = 1024, .growth_interval = 2}};
  const auto pulls = given<12, 3>("grad_scaler/pulls");
  const Ref scales = torch_says("grad_scaler/scales"), values = torch_says("grad_scaler/values");
  for (std::int64_t t = 0; t < 12; ++t) {
    opt.zero_grad();
    scaler.scale(mu::sum(net.w * mu::at<0>(pulls, t))).backward();
    scaler.step(opt);
    scaler.update();
    EXPECT_EQ(scaler.scale(), scales.at({t})) << t;
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_NEAR(static_cast<double>(net.w.value()(i)), values.at({t, i}), 1e-6) << t;
  }
}

namespace {

const mu::Safetensors& lbfgs_file() {
  static const mu::Safetensors file = mu::load_safetensors(committed("lbfgs.safetensors"));
  return file;
}
Ref lbfgs_row(const std::string& name, std::int64_t t, Index shape) {
  const Ref all = ref(lbfgs_file().read(name.c_str()));
  const auto n = count(shape);
  return {shape, {all.values.begin() + t * n, all.values.begin() + (t + 1) * n}};
}

void ten_steps_of_lbfgs(const std::string& name, nn::LBFGSOptions options) {
  SCOPED_TRACE(name);
  const auto& file = lbfgs_file();
  const auto x = file.get<double, 8, 3>("x");
  const auto y = file.get<double, 8>("y");
  Curve net{mu::variable(file.get<double, 4, 3>("a")), mu::variable(file.get<double, 4>("b"))};
  nn::LBFGS one{nn::parameters(net), options}, other{nn::parameters(net), options};
  const auto closure = [&] {
    one.zero_grad();
    const auto off = mu::matmul(mu::tanh(mu::matmul(x, mu::transpose(net.a))), net.b) - y;
    const auto squares = net.a * net.a;
    auto loss = mu::mean(off * off) + 0.01 * mu::sum(squares * squares);
    loss.backward();
    return loss;
  };
  for (int t = 0; t < 10; ++t) {
    if (t == 5) other.load_state_dict(one.state_dict());
    const double loss = (t < 5 ? one : other).step(closure);
    ASSERT_NEAR(loss, lbfgs_row(name + "/loss", t, {}).values[0], 1e-8) << "step " << t;
    ASSERT_TRUE(close(ref(net.a.value()), lbfgs_row(name + "/a", t, {4, 3}), 1e-6, 1e-7)) << "step " << t;
    ASSERT_TRUE(close(ref(net.b.value()), lbfgs_row(name + "/b", t, {4}), 1e-6, 1e-7)) << "step " << t;
  }
}

}  // namespace

TEST(Parity, LBFGS) {
  ten_steps_of_lbfgs("plain", {.lr = 0.2, .max_iter = 4});
  ten_steps_of_lbfgs("strong_wolfe", {.max_iter = 4, .strong_wolfe = true});
  ten_steps_of_lbfgs("short_history", {.lr = 0.5, .max_iter = 4, .history_size = 3, .strong_wolfe = true});
}
