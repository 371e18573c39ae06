#include "mushin/nn/optimizers.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

RMSprop::RMSprop(Parameters parameters, RMSpropOptions options) : Optimizer("RMSprop", {"square_avg", "grad_avg", "momentum_buffer"}) {
  add(std::move(parameters), options);
}

void RMSprop::add(Parameters parameters, RMSpropOptions options) {
  check_option(options.lr >= 0, "RMSprop", "lr must not be negative", options.lr);
  check_option(options.alpha >= 0 && options.alpha < 1, "RMSprop", "alpha must be in [0, 1)", options.alpha);
  check_option(options.eps >= 0, "RMSprop", "eps must not be negative", options.eps);
  check_option(options.momentum >= 0, "RMSprop", "momentum must not be negative", options.momentum);
  check_option(options.weight_decay >= 0, "RMSprop", "weight_decay must not be negative", options.weight_decay);
  add_group(std::move(parameters), options.lr);
  options_.push_back(options);
}

void RMSprop::step() {
  core::Assignments updates;
  for (std::size_t k = 0; k < groups(); ++k) {
    const RMSpropOptions& o = options_[k];
    for (auto& [leaf, state] : all()[k].slots) {
      core::Array& p = leaf.value();
      const core::Array g = decayed_gradient(leaf, o.weight_decay);
      const core::Array square = blend(state[0], o.alpha, core::mul(g, g));
      std::vector<core::Array*> to{&state[0]};
      std::vector<core::Array> from{square};
      core::Array variance = square;
      if (o.centered) {
        const core::Array mean = towards(state[1], 1 - o.alpha, g);
        variance = core::sub(square, core::mul(mean, mean));
        to.push_back(&state[1]), from.push_back(mean);
      }
      core::Array direction = core::div(g, core::add(core::sqrt(variance), core::literal(o.eps, p.type())));
      if (o.momentum > 0) {
        if (state[2]) direction = core::add(scaled(state[2], o.momentum), direction);
        to.push_back(&state[2]), from.push_back(direction);
      }
      to.push_back(&p), from.push_back(core::sub(p, scaled(direction, all()[k].lr)));
      updates.add(to.data(), from.data(), static_cast<unsigned>(to.size()));
    }
  }
  updates.finish();
}

}  // namespace mushin::nn
