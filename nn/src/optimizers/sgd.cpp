#include "mushin/nn/optimizers.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

SGD::SGD(Parameters parameters, SGDOptions options) : Optimizer("SGD", {"momentum_buffer"}) { add(std::move(parameters), options); }

void SGD::add(Parameters parameters, SGDOptions options) {
  check_option(options.lr >= 0, "SGD", "lr must not be negative", options.lr);
  check_option(options.momentum >= 0, "SGD", "momentum must not be negative", options.momentum);
  check_option(options.weight_decay >= 0, "SGD", "weight_decay must not be negative", options.weight_decay);
  check_option(!options.nesterov || options.momentum > 0, "SGD", "nesterov needs a momentum", options.momentum);
  check_option(!options.nesterov || options.dampening == 0, "SGD", "nesterov goes without dampening", options.dampening);
  add_group(std::move(parameters), options.lr);
  options_.push_back(options);
}

void SGD::step() {
  core::Assignments updates;
  for (std::size_t g = 0; g < groups(); ++g) {
    const SGDOptions& o = options_[g];
    const double lr = all()[g].lr;
    for (auto& [leaf, state] : all()[g].slots) {
      const core::Array& p = leaf.value();
      const core::Array grad = decayed_gradient(leaf, o.weight_decay);
      if (o.momentum == 0) {
        store(updates, {&leaf.value()}, {core::sub(p, scaled(grad, lr))});
        continue;
      }
      core::Array& buffer = state[0];
      const core::Array fresh = o.dampening == 0 ? grad : scaled(grad, 1 - o.dampening);
      const core::Array next = buffer ? core::add(scaled(buffer, o.momentum), fresh) : grad;
      const core::Array direction = o.nesterov ? core::add(grad, scaled(next, o.momentum)) : next;
      store(updates, {&buffer, &leaf.value()}, {next, core::sub(p, scaled(direction, lr))});
    }
  }
  updates.finish();
}

}  // namespace mushin::nn
