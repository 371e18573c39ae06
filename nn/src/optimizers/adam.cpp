#include <cmath>

#include "mushin/nn/optimizers.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

Adam::Adam(const char* name, bool decoupled)
    : Optimizer(name, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}, {"beta1_power", "beta2_power"}), decoupled_(decoupled) {}
Adam::Adam(Parameters parameters, AdamOptions options) : Adam("Adam", false) { add(std::move(parameters), options); }

void Adam::add(Parameters parameters, AdamOptions options) {
  check_option(options.lr >= 0, op(), "lr must not be negative", options.lr);
  check_option(options.beta1 >= 0 && options.beta1 < 1, op(), "beta1 must be in [0, 1)", options.beta1);
  check_option(options.beta2 >= 0 && options.beta2 < 1, op(), "beta2 must be in [0, 1)", options.beta2);
  check_option(options.eps >= 0, op(), "eps must not be negative", options.eps);
  check_option(options.weight_decay >= 0, op(), "weight_decay must not be negative", options.weight_decay);
  add_group(std::move(parameters), options.lr, {1, 1});  // running products: beta2^t in float32 is too coarse
  options_.push_back(options);
}

AdamW::AdamW(Parameters parameters, AdamWOptions options) : Adam("AdamW", true) { add(std::move(parameters), options); }
void AdamW::add(Parameters parameters, AdamWOptions o) {
  Adam::add(std::move(parameters), {o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad});
}

void Adam::step() {
  core::Assignments updates;
  for (std::size_t g = 0; g < groups(); ++g) {
    Group& group = all()[g];
    const AdamOptions& o = options_[g];
    if (counts_on_device(group)) {
      step_on_device(updates, group, o);
      continue;
    }
    group.numbers[0] *= o.beta1;
    group.numbers[1] *= o.beta2;
    const double rate = group.lr / (1 - group.numbers[0]), root = 1 / std::sqrt(1 - group.numbers[1]);
    for (auto& slot : group.slots) {
      const dtype type = slot.leaf.value().type();
      update(updates, group, slot, o, core::literal(rate, type), core::literal(root, type));
    }
  }
  updates.finish();
}

// The same numbers, computed where the parameters are.
void Adam::step_on_device(core::Assignments& updates, Group& group, const AdamOptions& o) {
  const auto number = [](double x) { return core::literal(x, dtype::f64); };
  auto& powers = group.on_device;
  store({&powers[0], &powers[1]}, {core::mul(powers[0], number(o.beta1)), core::mul(powers[1], number(o.beta2))});
  const core::Array rate = core::div(number(group.lr), core::sub(number(1), powers[0]));
  const core::Array root = core::div(number(1), core::sqrt(core::sub(number(1), powers[1])));
  core::Array both[2];
  for (auto& slot : group.slots) {
    if (const dtype type = slot.leaf.value().type(); !both[0] || both[0].type() != type) {
      both[0] = core::cast(rate, type), both[1] = core::cast(root, type);
      core::evaluate(both, 2);
    }
    update(updates, group, slot, o, both[0], both[1]);
  }
}

void Adam::update(core::Assignments& updates, Group& group, Slot& slot, const AdamOptions& o, const core::Array& rate,
                  const core::Array& root) const {
  core::Array& p = slot.leaf.value();
  auto& [m_place, v_place, greatest_place] = slot.state;
  const core::Array g = decayed_gradient(slot.leaf, decoupled_ ? 0 : o.weight_decay);
  const core::Array m = towards(m_place, 1 - o.beta1, g), v = blend(v_place, o.beta2, core::mul(g, g));
  // At first a value of its own, though equal to v: a captured step changes both.
  const core::Array greatest = o.amsgrad ? core::maximum(greatest_place ? greatest_place : core::literal(0, p.type()), v) : v;
  const core::Array divisor = core::add(core::mul(core::sqrt(greatest), root), core::literal(o.eps, p.type()));
  // In this order, as PyTorch rounds; plugins/builtin has this program as one loop (formula_kernels.cpp).
  const core::Array next = reduced(p, decoupled_ ? 1 - group.lr * o.weight_decay : 1, core::mul(core::div(m, divisor), rate));
  if (o.amsgrad)
    store(updates, {&m_place, &v_place, &greatest_place, &p}, {m, v, greatest, next});
  else
    store(updates, {&m_place, &v_place, &p}, {m, v, next});
}

}  // namespace mushin::nn
