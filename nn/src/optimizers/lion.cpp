#include "mushin/nn/optimizers.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

Lion::Lion(Parameters parameters, LionOptions options) : Optimizer("Lion", {"exp_avg"}) { add(std::move(parameters), options); }

void Lion::add(Parameters parameters, LionOptions options) {
  check_option(options.lr >= 0, "Lion", "lr must not be negative", options.lr);
  check_option(options.beta1 >= 0 && options.beta1 < 1, "Lion", "beta1 must be in [0, 1)", options.beta1);
  check_option(options.beta2 >= 0 && options.beta2 < 1, "Lion", "beta2 must be in [0, 1)", options.beta2);
  check_option(options.weight_decay >= 0, "Lion", "weight_decay must not be negative", options.weight_decay);
  add_group(std::move(parameters), options.lr);
  options_.push_back(options);
}

void Lion::step() {
  core::Assignments updates;
  for (std::size_t k = 0; k < groups(); ++k) {
    const LionOptions& o = options_[k];
    const double lr = all()[k].lr;
    for (auto& [leaf, state] : all()[k].slots) {
      core::Array& p = leaf.value();
      const core::Array g = leaf.grad();
      const core::Array direction = core::sign(blend(state[0], o.beta1, g));
      // The state last: both read it, and then it can lie where it did.
      store(updates, {&p, &state[0]}, {reduced(p, 1 - lr * o.weight_decay, scaled(direction, lr)), blend(state[0], o.beta2, g)});
    }
  }
  updates.finish();
}

}  // namespace mushin::nn
