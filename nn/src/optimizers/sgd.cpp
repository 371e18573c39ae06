#include "mushin/nn/optimizers.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

SGD::SGD(Parameters parameters, SGDOptions options) : options_(options) {
  check_option(options.lr >= 0, "SGD", "lr must not be negative", options.lr);
  check_option(options.momentum >= 0, "SGD", "momentum must not be negative", options.momentum);
  check_option(options.weight_decay >= 0, "SGD", "weight_decay must not be negative", options.weight_decay);
  check_option(!options.nesterov || options.momentum > 0, "SGD", "nesterov needs a momentum", options.momentum);
  for (auto& leaf : distinct(std::move(parameters))) slots_.push_back({std::move(leaf), {}});
}

void SGD::step() {
  for (auto& [leaf, buffer] : slots_) {
    const core::Array& p = leaf.value();
    core::Array g = decayed_gradient(leaf, options_.weight_decay);
    if (options_.momentum == 0) {
      store({&leaf.value()}, {core::sub(p, scaled(g, options_.lr))});
      continue;
    }
    const core::Array next = buffer ? core::add(scaled(buffer, options_.momentum), g) : g;
    const core::Array direction = options_.nesterov ? core::add(g, scaled(next, options_.momentum)) : next;
    store({&buffer, &leaf.value()}, {next, core::sub(p, scaled(direction, options_.lr))});
  }
}

void SGD::zero_grad() {
  for (auto& slot : slots_) slot.leaf.zero_grad();
}

}  // namespace mushin::nn
