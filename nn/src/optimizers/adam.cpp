#include <cmath>

#include "mushin/nn/optimizers.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {
namespace {

/// old * beta + fresh * (1 - beta); `old` may be empty, as zero.
core::Array blend(const core::Array& old, double beta, const core::Array& fresh) {
  core::Array part = scaled(fresh, 1 - beta);
  return old ? core::add(scaled(old, beta), part) : part;
}

}  // namespace

Adam::Adam(Parameters parameters, AdamOptions options) : options_(options) {
  check_option(options.lr >= 0, "Adam", "lr must not be negative", options.lr);
  check_option(options.beta1 >= 0 && options.beta1 < 1, "Adam", "beta1 must be in [0, 1)", options.beta1);
  check_option(options.beta2 >= 0 && options.beta2 < 1, "Adam", "beta2 must be in [0, 1)", options.beta2);
  check_option(options.eps >= 0, "Adam", "eps must not be negative", options.eps);
  check_option(options.weight_decay >= 0, "Adam", "weight_decay must not be negative", options.weight_decay);
  for (auto& leaf : distinct(std::move(parameters))) slots_.push_back({std::move(leaf), {}, {}});
}

void Adam::step() {
  if (!powers_.empty() || core::capturing()) return step_on_device();
  beta1_power_ *= options_.beta1;
  beta2_power_ *= options_.beta2;
  const double rate = options_.lr / (1 - beta1_power_), root = 1 / std::sqrt(1 - beta2_power_);
  for (auto& slot : slots_) update(slot, core::literal(rate, slot.leaf.value().type()), core::literal(root, slot.leaf.value().type()));
}

// The same numbers, computed where the parameters are.
void Adam::step_on_device() {
  const auto number = [](double x) { return core::literal(x, dtype::f64); };
  if (powers_.empty()) {
    const core::NotRecorded quiet;
    for (double power : {beta1_power_, beta2_power_}) core::evaluate(powers_.emplace_back(core::full({}, dtype::f64, power)));
  }
  store({&powers_[0], &powers_[1]}, {core::mul(powers_[0], number(options_.beta1)), core::mul(powers_[1], number(options_.beta2))});
  const core::Array rate = core::div(number(options_.lr), core::sub(number(1), powers_[0]));
  const core::Array root = core::div(number(1), core::sqrt(core::sub(number(1), powers_[1])));
  for (auto& slot : slots_) {
    const dtype type = slot.leaf.value().type();
    const core::Array both[] = {core::cast(rate, type), core::cast(root, type)};
    core::evaluate(both, 2);
    update(slot, both[0], both[1]);
  }
}

void Adam::update(Slot& slot, const core::Array& rate, const core::Array& root) const {
  core::Array& p = slot.leaf.value();
  const core::Array g = decayed_gradient(slot.leaf, options_.weight_decay);
  const core::Array m = blend(slot.m, options_.beta1, g), v = blend(slot.v, options_.beta2, core::mul(g, g));
  const core::Array divisor = core::add(core::mul(core::sqrt(v), root), core::literal(options_.eps, p.type()));
  // In this order, as PyTorch rounds.
  store({&slot.m, &slot.v, &p}, {m, v, core::sub(p, core::mul(core::div(m, divisor), rate))});
}

void Adam::zero_grad() {
  for (auto& slot : slots_) slot.leaf.zero_grad();
}

}  // namespace mushin::nn
