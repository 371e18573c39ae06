// Optimisers against PyTorch's formulas in doubles.
#include "mushin/nn/optimizers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/node.hpp"
#include "core/plans.hpp"
#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Pair {
  mu::Variable<double, 2, 3> a{mu::from<2, 3>(uniform<double>(1, 6))};
  mu::Variable<double, 4> b{mu::from<4>(uniform<double>(2, 4))};
  MUSHIN_MODULE(Pair, a, b)
};

namespace {

/// sum(a⁴) + sum((b - 1)²): gradients 4 a³ and 2 (b - 1).
void backward(const Pair& p) {
  const auto d = p.b - 1.0;
  (mu::sum(p.a * p.a * p.a * p.a) + mu::sum(d * d)).backward();
}
std::vector<double> gradient(const std::vector<double>& p) {
  std::vector<double> g;
  for (std::size_t i = 0; i < p.size(); ++i) g.push_back(i < 6 ? 4 * p[i] * p[i] * p[i] : 2 * (p[i] - 1));
  return g;
}
std::vector<double> values(const Pair& p) {
  auto out = p.a.value().to_vector();
  for (double v : p.b.value().to_vector()) out.push_back(v);
  return out;
}

/// Ten steps of the optimiser beside ten of `update(p, g, t)`, element by element.
template <class Optimizer, class Update>
void compare(Optimizer make, Update update) {
  Pair net;
  auto want = values(net);
  auto optimizer = make(net);
  for (int t = 1; t <= 10; ++t) {
    backward(net);
    optimizer.step();
    optimizer.zero_grad();
    const auto g = gradient(want);
    for (std::size_t i = 0; i < want.size(); ++i) update(i, want[i], g[i], t);
    const auto got = values(net);
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-12) << "step " << t << ", element " << i;
  }
}

/// A step that is captured after the first one goes on as the others do.
template <class Optimizer>
void compare_captured(Optimizer make) {
  Pair eager, captured;
  auto one = make(eager), other = make(captured);
  const auto step = [](Pair& net, auto& optimizer) {
    backward(net);
    optimizer.step();
    optimizer.zero_grad();
  };
  step(eager, one), step(captured, other);
  auto again = mu::capture([&] { step(captured, other); });
  step(eager, one);
  for (int t = 3; t <= 10; ++t) {
    step(eager, one);
    if (t == 6)
      step(captured, other);  // may be mixed with replays
    else
      again();
    ASSERT_EQ(values(captured), values(eager)) << "step " << t;
  }
}

void compare_sgd(nn::SGDOptions o) {
  std::vector<double> buffer(10);
  compare(
      [o](const Pair& net) {
        return nn::SGD{nn::parameters(net), o};
      },
      [&](std::size_t i, double& p, double g, int t) {
        g += o.weight_decay * p;
        if (o.momentum != 0) {
          buffer[i] = t == 1 ? g : o.momentum * buffer[i] + g;
          g = o.nesterov ? g + o.momentum * buffer[i] : buffer[i];
        }
        p -= o.lr * g;
      });
}

void compare_adam(nn::AdamOptions o) {
  std::vector<double> m(10), v(10);
  compare(
      [o](const Pair& net) {
        return nn::Adam{nn::parameters(net), o};
      },
      [&](std::size_t i, double& p, double g, int t) {
        g += o.weight_decay * p;
        m[i] = o.beta1 * m[i] + (1 - o.beta1) * g;
        v[i] = o.beta2 * v[i] + (1 - o.beta2) * g * g;
        const double divisor = std::sqrt(v[i]) / std::sqrt(1 - std::pow(o.beta2, t)) + o.eps;
        p -= o.lr / (1 - std::pow(o.beta1, t)) * m[i] / divisor;
      });
}

}  // namespace

TEST(SGD, Plain) { compare_sgd({.lr = 0.05}); }
TEST(SGD, Momentum) { compare_sgd({.lr = 0.05, .momentum = 0.9}); }
TEST(SGD, WeightDecay) { compare_sgd({.lr = 0.05, .weight_decay = 0.1}); }
TEST(SGD, Nesterov) { compare_sgd({.lr = 0.02, .momentum = 0.8, .weight_decay = 0.01, .nesterov = true}); }
TEST(Adam, Defaults) { compare_adam({}); }
TEST(Adam, EveryOption) { compare_adam({.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.05}); }

TEST(Optimizers, TheRateMayChange) {
  Pair net;
  const auto before = values(net);
  nn::SGD opt{nn::parameters(net), {.lr = 0.5}};
  EXPECT_EQ(opt.lr(), 0.5);
  opt.lr(0.25);
  EXPECT_EQ(opt.lr(), 0.25);
  backward(net);
  opt.step();
  const auto g = gradient(before);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(values(net)[i], before[i] - 0.25 * g[i], 1e-12);
}

TEST(Optimizers, AParameterGivenTwiceIsUpdatedOnce) {
  Pair net;
  const auto before = values(net);
  auto twice = nn::parameters(net);
  for (auto& p : nn::parameters(net)) twice.push_back(std::move(p));
  nn::SGD opt{std::move(twice), {.lr = 0.1}};
  backward(net);
  opt.step();
  const auto g = gradient(before);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(values(net)[i], before[i] - 0.1 * g[i], 1e-12);
}

TEST(Optimizers, ZeroGradForgets) {
  Pair net;
  nn::Adam opt{nn::parameters(net), {.lr = 0.1}};
  backward(net);
  opt.zero_grad();
  EXPECT_TRUE(equal(net.a.grad(), full({2, 3}, 0)));
  EXPECT_TRUE(equal(net.b.grad(), full({4}, 0)));
}

TEST(Optimizers, AStepLeavesOlderValuesAlone) {
  Pair net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  const auto kept = net.b.value();
  const auto pending = net.b.value() * 2.0;
  const auto want = ref(kept);
  backward(net);
  opt.step();
  EXPECT_TRUE(equal(kept, want));
  EXPECT_TRUE(equal(pending, map(want, [](double v) { return 2 * v; })));
  EXPECT_FALSE(equal(net.b, want));
}

TEST(Optimizers, TheModuleMayMove) {
  Pair net;
  const auto before = values(net);
  nn::Adam opt{nn::parameters(net), {.lr = 0.1}};
  const Pair moved = std::move(net);
  backward(moved);
  opt.step();
  EXPECT_NE(values(moved), before);
}

namespace {
/// How many plans the core makes for one step after a backward pass.
std::size_t plans_of_a_step(auto& optimizer, const mu::Variable<float, 5, 7>& w) {
  mu::sum(w * w).backward();
  mu::core::evaluate(w.grad().raw());
  const auto before = mu::core::plan_count();
  optimizer.step();
  optimizer.zero_grad();
  return mu::core::plan_count() - before;
}
}  // namespace

TEST(Optimizers, AStepIsOnePassAndItsScalarsMakeNoNewPlans) {
  const nn::Linear<7, 5> fc;
  auto all = nn::parameters(fc);
  all.pop_back();
  nn::Adam adam{std::move(all), {.lr = 0.0123}};
  EXPECT_EQ(plans_of_a_step(adam, fc.weight), 1u);  // without m and v to read
  EXPECT_EQ(plans_of_a_step(adam, fc.weight), 1u);
  for (int t = 3; t < 8; ++t) {
    adam.lr(0.0123 / t);
    EXPECT_EQ(plans_of_a_step(adam, fc.weight), 0u) << "step " << t;
  }
  const auto weight_alone = [&fc] {
    auto parameters = nn::parameters(fc);
    parameters.pop_back();
    return parameters;
  };
  nn::RMSprop rmsprop{weight_alone(), {.momentum = 0.5, .centered = true}};
  nn::AdamW adamw{weight_alone(), {.amsgrad = true}};
  nn::Adagrad adagrad{weight_alone()};
  nn::Lion lion{weight_alone(), {.weight_decay = 0.1}};
  const auto steps = [&fc](const char* name, auto& optimizer) {
    SCOPED_TRACE(name);
    EXPECT_EQ(plans_of_a_step(optimizer, fc.weight), 1u);
    EXPECT_EQ(plans_of_a_step(optimizer, fc.weight), 1u);
    EXPECT_EQ(plans_of_a_step(optimizer, fc.weight), 0u);
  };
  steps("RMSprop", rmsprop), steps("AdamW", adamw), steps("Adagrad", adagrad), steps("Lion", lion);
}

TEST(Optimizers, OptionsThatMakeNoSense) {
  const Pair net;
  const auto check = [](auto make, const char* sentence) { EXPECT_EQ(text_of_error<mu::Error>(make), sentence); };
  const auto sgd = [&](nn::SGDOptions o, const char* s) { check([&] { nn::SGD opt(nn::parameters(net), o); }, s); };
  sgd({.lr = -1}, "[SGD] lr must not be negative: -1");
  sgd({.momentum = -0.5}, "[SGD] momentum must not be negative: -0.5");
  sgd({.weight_decay = -0.5}, "[SGD] weight_decay must not be negative: -0.5");
  sgd({.nesterov = true}, "[SGD] nesterov needs a momentum: 0");
  sgd({.momentum = 0.9, .nesterov = true, .dampening = 0.5}, "[SGD] nesterov goes without dampening: 0.5");
  const auto adam = [&](nn::AdamOptions o, const char* s) { check([&] { nn::Adam opt(nn::parameters(net), o); }, s); };
  adam({.lr = -1}, "[Adam] lr must not be negative: -1");
  adam({.beta1 = 1}, "[Adam] beta1 must be in [0, 1): 1");
  adam({.eps = NAN}, "[Adam] eps must not be negative: nan");
  adam({.weight_decay = -2}, "[Adam] weight_decay must not be negative: -2");
  check([&] { nn::AdamW opt(nn::parameters(net), {.beta2 = 1}); }, "[AdamW] beta2 must be in [0, 1): 1");
  const auto rmsprop = [&](nn::RMSpropOptions o, const char* s) { check([&] { nn::RMSprop opt(nn::parameters(net), o); }, s); };
  rmsprop({.lr = -1}, "[RMSprop] lr must not be negative: -1");
  rmsprop({.alpha = -1}, "[RMSprop] alpha must be in [0, 1): -1");
  rmsprop({.eps = -1}, "[RMSprop] eps must not be negative: -1");
  rmsprop({.weight_decay = -1}, "[RMSprop] weight_decay must not be negative: -1");
  rmsprop({.momentum = -1}, "[RMSprop] momentum must not be negative: -1");
  const auto adagrad = [&](nn::AdagradOptions o, const char* s) { check([&] { nn::Adagrad opt(nn::parameters(net), o); }, s); };
  adagrad({.lr = -1}, "[Adagrad] lr must not be negative: -1");
  adagrad({.lr_decay = -1}, "[Adagrad] lr_decay must not be negative: -1");
  adagrad({.weight_decay = -1}, "[Adagrad] weight_decay must not be negative: -1");
  adagrad({.initial_accumulator_value = -1}, "[Adagrad] initial_accumulator_value must not be negative: -1");
  adagrad({.eps = -1}, "[Adagrad] eps must not be negative: -1");
  const auto lion = [&](nn::LionOptions o, const char* s) { check([&] { nn::Lion opt(nn::parameters(net), o); }, s); };
  lion({.lr = -1}, "[Lion] lr must not be negative: -1");
  lion({.beta1 = 2}, "[Lion] beta1 must be in [0, 1): 2");
  lion({.beta2 = 1}, "[Lion] beta2 must be in [0, 1): 1");
  lion({.weight_decay = -1}, "[Lion] weight_decay must not be negative: -1");
  check([&] { nn::clip_grad_norm(nn::parameters(net), 0); }, "[clip_grad_norm] max_norm must be positive: 0");
  check([&] { nn::clip_grad_value(nn::parameters(net), -2); }, "[clip_grad_value] the limit must be positive: -2");
}

TEST(Optimizers, FloatParametersFollowTheDoubleOnes) {
  nn::Linear<3, 1> fc;
  nn::Adam opt{nn::parameters(fc), {.lr = 0.01}};
  const auto x = mu::from<8, 3>(uniform(5, 24));
  const auto y = mu::from<8, 1>(uniform(6, 8));
  float first = 0, last = 0;
  for (int i = 0; i < 300; ++i) {
    const auto loss = nn::mse(fc(x), y);
    last = loss.value().item();
    if (i == 0) first = last;
    loss.backward();
    opt.step();
    opt.zero_grad();
  }
  EXPECT_LT(last, 0.7f * first);
}

TEST(Optimizers, CapturedStepsAreTheSame) {
  compare_captured([](Pair& net) { return nn::Adam{nn::parameters(net), {.lr = 0.1, .weight_decay = 0.01}}; });
  compare_captured([](Pair& net) { return nn::SGD{nn::parameters(net), {.lr = 0.05, .momentum = 0.9, .nesterov = true}}; });
  compare_captured([](Pair& net) { return nn::SGD{nn::parameters(net), {.lr = 0.05}}; });
  compare_captured([](Pair& net) { return nn::AdamW{nn::parameters(net), {.lr = 0.1, .amsgrad = true}}; });
  compare_captured([](Pair& net) { return nn::Adagrad{nn::parameters(net), {.lr = 0.1, .lr_decay = 0.2}}; });
  compare_captured([](Pair& net) { return nn::RMSprop{nn::parameters(net), {.lr = 0.01, .momentum = 0.5, .centered = true}}; });
  compare_captured([](Pair& net) { return nn::Lion{nn::parameters(net), {.lr = 0.01}}; });
}

TEST(Optimizers, CapturedStepsClipTheirGradients) {
  Pair eager, captured;
  nn::SGD one{nn::parameters(eager), {.lr = 0.05}}, other{nn::parameters(captured), {.lr = 0.05}};
  const auto step = [](Pair& net, nn::SGD& optimizer) {
    optimizer.zero_grad();
    backward(net);
    const auto norm = nn::clip_grad_norm(nn::parameters(net), 0.8);
    nn::clip_grad_value(nn::parameters(net), 0.4);
    optimizer.step();
    return norm;
  };
  step(captured, other), step(eager, one);
  auto again = mu::capture([&] { return step(captured, other); });
  step(eager, one);
  for (int t = 3; t <= 6; ++t) {
    const auto norm = step(eager, one);
    ASSERT_EQ(again().item(), norm.item()) << "step " << t;
    ASSERT_TRUE(equal(captured.b.grad(), ref(eager.b.grad()))) << "step " << t;
    ASSERT_EQ(values(captured), values(eager)) << "step " << t;
  }
}

namespace {
/// Where the parameters lie, then the optimiser's state.
template <class Optimizer>
std::vector<const void*> places(Pair& net, const Optimizer& optimizer) {
  std::vector<const void*> out;
  const auto add = [&out](const mu::core::Array& a) {
    const mu::core::Node* n = mu::core::node_of(a);
    if (n->count > 1) out.push_back(reinterpret_cast<const std::byte*>(n->block->buffer) + n->offset);
  };
  for (auto& p : nn::parameters(net)) add(p.leaf.value());
  for (const auto& entry : optimizer.state_dict()) add(entry.value);
  return out;
}
template <class Optimizer>
void stays_where_it_is(std::size_t states, Optimizer make) {
  Pair net;
  auto optimizer = make(net);
  const auto step = [&] {
    backward(net);
    static_cast<void>(net.a.grad().to_vector());  // while they are expressions of the values, they keep the old ones
    static_cast<void>(net.b.grad().to_vector());
    optimizer.step();
    optimizer.zero_grad();
  };
  step();
  const auto before = places(net, optimizer);
  EXPECT_EQ(before.size(), 2 + 2 * states);
  for (int t = 0; t < 3; ++t) {
    step();
    EXPECT_EQ(places(net, optimizer), before);
  }
}
}  // namespace

TEST(Optimizers, WorkInTheMemoryOfParametersAndState) {
  stays_where_it_is(0, [](Pair& net) { return nn::SGD{nn::parameters(net), {.lr = 0.01}}; });
  stays_where_it_is(1, [](Pair& net) { return nn::SGD{nn::parameters(net), {.lr = 0.01, .momentum = 0.9, .nesterov = true}}; });
  stays_where_it_is(2, [](Pair& net) { return nn::Adam{nn::parameters(net), {.lr = 0.01}}; });
  stays_where_it_is(3, [](Pair& net) { return nn::AdamW{nn::parameters(net), {.lr = 0.01, .amsgrad = true}}; });
  stays_where_it_is(1, [](Pair& net) { return nn::Adagrad{nn::parameters(net), {.lr = 0.01}}; });
  stays_where_it_is(3, [](Pair& net) { return nn::RMSprop{nn::parameters(net), {.lr = 0.01, .momentum = 0.9, .centered = true}}; });
  stays_where_it_is(1, [](Pair& net) { return nn::Lion{nn::parameters(net), {.lr = 0.01, .weight_decay = 0}}; });
}

TEST(Optimizers, ACapturedClipChangesGradientsOfAnyPass) {
  Pair net;
  backward(net);
  auto clip = mu::capture([&] { nn::clip_grad_value(nn::parameters(net), 0.4); });
  net.b.set(mu::tensor<double, 4>({1.1, 3, -2, 0.9}));
  net.a.zero_grad(), net.b.zero_grad();
  backward(net);
  clip();
  EXPECT_TRUE(close(net.b.grad(), Ref{{4}, {0.2, 0.4, -0.4, -0.2}}));
}

namespace {
/// Five steps, saved, and five more are those of another optimiser that is given the state after five.
template <class Optimizer>
void compare_resumed(Optimizer make, bool captured) {
  const Folder folder;
  Pair net, other;
  auto optimizer = make(net), resumed = make(other);
  const auto step = [](Pair& p, auto& o) {
    backward(p);
    o.step();
    o.zero_grad();
  };
  for (int t = 0; t < 5; ++t) step(net, optimizer);
  if (captured) mu::capture([&] { step(net, optimizer); })();
  optimizer.lr(optimizer.lr() / 2);
  nn::save(net, folder / "net");
  nn::save(optimizer, folder / "optimizer");
  if (captured) {  // the other one counts on the device, too, and elsewhere
    step(other, resumed);
    mu::capture([&] { step(other, resumed); });
  }
  nn::load(other, folder / "net");
  nn::load(resumed, folder / "optimizer");
  EXPECT_EQ(resumed.lr(), optimizer.lr());
  for (int t = 0; t < 5; ++t) {
    step(net, optimizer), step(other, resumed);
    ASSERT_EQ(values(net), values(other)) << "step " << t;
  }
}
}  // namespace

TEST(Optimizers, ASavedStateGoesOnBitForBit) {
  for (bool captured : {false, true}) {
    SCOPED_TRACE(captured);
    compare_resumed([](Pair& net) { return nn::SGD{nn::parameters(net), {.lr = 0.01, .momentum = 0.9}}; }, captured);
    compare_resumed([](Pair& net) { return nn::AdamW{nn::parameters(net), {.lr = 0.1, .amsgrad = true}}; }, captured);
    compare_resumed([](Pair& net) { return nn::Adagrad{nn::parameters(net), {.lr = 0.1, .lr_decay = 0.2}}; }, captured);
  }
}

TEST(Optimizers, AStateThatDoesNotFitChangesNothing) {
  const Pair net, other;
  nn::Adam adam{nn::parameters(net), {.lr = 0.5}};
  nn::SGD sgd{nn::parameters(other), {.lr = 0.25, .momentum = 0.5}};
  backward(other);
  sgd.step();
  auto state = sgd.state_dict();
  ASSERT_EQ(state.size(), 3u);
  EXPECT_EQ(state[0].name, "param_groups.0.lr");
  EXPECT_EQ(state[1].name, "state.0.momentum_buffer");
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { adam.load_state_dict(state); }),
                  {"[load_state_dict] the state must be that of such an optimiser", "missing param_groups.0.beta1_power F64 ()",
                   "extra state.0.momentum_buffer F64 (2, 3)"}));
  EXPECT_EQ(adam.lr(), 0.5);
  state[1].value = state[2].value;
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { sgd.load_state_dict(state); }),
                  {"[load_state_dict]", "state.0.momentum_buffer is F64 (4), wanted F64 (2, 3)"}));
}

TEST(Optimizers, GroupsHaveRatesOfTheirOwn) {
  const Pair net;
  auto all = nn::parameters(net);
  nn::Parameters first, second;
  first.push_back(std::move(all[0])), second.push_back(std::move(all[1]));
  const auto before = values(net);
  nn::SGD opt{std::move(first), {.lr = 0.5}};
  opt.add(std::move(second), {.lr = 0.25});
  EXPECT_EQ(opt.groups(), 2u);
  EXPECT_EQ(opt.group_lr(1), 0.25);
  opt.group_lr(1, 0.125);
  backward(net);
  opt.step();
  const auto g = gradient(before);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(values(net)[i], before[i] - (i < 6 ? 0.5 : 0.125) * g[i], 1e-12);
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { opt.add(nn::parameters(net)); }), {"[SGD] a parameter can be in one group only"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)opt.group_lr(2); }), {"[SGD] there must be such a group of parameters: 2 of 2"}));
}

TEST(Schedules, GoAlongWithAnOptimiserThatMoves) {
  const Pair net;
  std::vector<nn::SGD> many;
  many.emplace_back(nn::parameters(net), nn::SGDOptions{.lr = 1});
  nn::StepLR steps{many[0], {.step_size = 1, .gamma = 0.5}};
  nn::ReduceOnPlateau plateau{many[0], {.factor = 0.5, .patience = 0}};
  const nn::ReduceOnPlateau copy = plateau;
  many.reserve(many.capacity() + 64);  // elsewhere
  steps.step();
  EXPECT_EQ(many[0].lr(), 0.5);
  nn::SGD last = std::move(many[0]);
  many.clear();
  plateau.step(1), plateau.step(1);
  EXPECT_EQ(last.lr(), 0.25);
  {
    nn::ReduceOnPlateau third = copy;
    third.step(1), third.step(1);
    EXPECT_EQ(last.lr(), 0.125);
  }
  const Pair others;
  nn::SGD other{nn::parameters(others), {.lr = 3}};
  nn::StepLR orphan{other, {.step_size = 1}};
  other = std::move(last);  // what it was is gone
  steps.step();
  EXPECT_EQ(other.lr(), 0.25);
  EXPECT_EQ(text_of_error<mu::Error>([&] { orphan.step(); }), "[schedule] the optimiser that it sets the rates of is gone");
  EXPECT_EQ(orphan.steps(), 0);
  const auto gone = [&] {
    nn::SGD brief{nn::parameters(net), {}};
    return nn::ReduceOnPlateau{brief};
  };
  nn::ReduceOnPlateau left = gone();
  EXPECT_EQ(text_of_error<mu::Error>([&] { left.step(1); }), "[ReduceOnPlateau] the optimiser that it sets the rates of is gone");
}

TEST(Schedules, GoOnWhereARunWasCutOff) {
  const Pair net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.5}};
  nn::StepLR schedule{opt, {.step_size = 2, .gamma = 0.5}};
  schedule.resume(4);
  EXPECT_EQ(schedule.steps(), 4);
  EXPECT_EQ(opt.lr(), 0.125);
  nn::OneCycleLR cycle{opt, {.max_lr = 1, .total_steps = 3}};
  cycle.resume(3);
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { cycle.step(); }), {"[OneCycleLR] there must be no more steps than total_steps: 4 of 3"}));
  EXPECT_EQ(cycle.steps(), 3);
}
