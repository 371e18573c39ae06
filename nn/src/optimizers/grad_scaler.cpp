#include "mushin/nn/optimizers/grad_scaler.hpp"

#include <algorithm>
#include <cmath>

#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

GradScaler::GradScaler(GradScalerOptions options) : options_(options), scale_(options.init_scale) {
  check_option(options.init_scale > 0 && std::isfinite(options.init_scale), "GradScaler", "init_scale must be positive",
               options.init_scale);
  check_option(options.growth_factor > 1, "GradScaler", "growth_factor must be more than 1", options.growth_factor);
  check_option(options.backoff_factor > 0 && options.backoff_factor < 1, "GradScaler", "backoff_factor must be in (0, 1)",
               options.backoff_factor);
  check_option(options.growth_interval > 0, "GradScaler", "growth_interval must be positive", static_cast<double>(options.growth_interval));
}

GradScaler::Seen* GradScaler::find(const Optimizer& optimizer) {
  const auto at = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& s) { return s.optimizer == &optimizer; });
  return at == seen_.end() ? nullptr : &*at;
}

void GradScaler::unscale(Optimizer& optimizer) {
  if (!options_.enabled) return;
  if (find(optimizer)) throw Error("[GradScaler] an optimiser's gradients are unscaled once before update()");
  core::Array good = core::literal(1, dtype::b8);
  for (auto& group : optimizer.all())
    for (auto& slot : group.slots) {
      const core::Array g = scaled(slot.leaf.grad(), 1 / scale_);
      good = core::logical_and(good, core::all(core::isfinite(g), (1u << g.rank()) - 1, false));
      slot.leaf.set_grad(g);
    }
  bool finite;
  core::read_one("GradScaler", good, nullptr, &finite);
  seen_.push_back({&optimizer, finite, false});
}

bool GradScaler::step(Optimizer& optimizer) {
  if (options_.enabled) {
    if (!find(optimizer)) unscale(optimizer);
    Seen& seen = *find(optimizer);
    if (seen.stepped) throw Error("[GradScaler] an optimiser has one step before update()");
    seen.stepped = true;
    if (!seen.good) return false;
  }
  optimizer.step();
  return true;
}

void GradScaler::update() {
  if (!options_.enabled) return;
  if (seen_.empty()) throw Error("[GradScaler] update() needs a step before it");
  if (std::any_of(seen_.begin(), seen_.end(), [](const Seen& s) { return !s.good; })) {
    scale_ *= options_.backoff_factor, good_steps_ = 0;
  } else if (++good_steps_ == options_.growth_interval) {
    // As PyTorch's: never to infinity.
    if (std::isfinite(static_cast<float>(scale_ * options_.growth_factor))) scale_ *= options_.growth_factor;
    good_steps_ = 0;
  }
  seen_.clear();
}

StateDict GradScaler::state_dict() const {
  return {{"scale", core::from_values({}, dtype::f64, &scale_)}, {"growth_tracker", core::from_values({}, dtype::i64, &good_steps_)}};
}

void GradScaler::load_state_dict(const StateDict& state) {
  const core::Array* found[2]{};
  for (const auto& entry : state) {
    const int k = entry.name == "scale" ? 0 : entry.name == "growth_tracker" ? 1 : -1;
    if (k < 0 || entry.value.rank() != 0 || entry.value.type() != (k ? dtype::i64 : dtype::f64))
      throw Error(fmt::format("[load_state_dict] the state must be that of a GradScaler: {} is no such number", entry.name).c_str());
    found[k] = &entry.value;
  }
  if (!found[0] || !found[1])
    throw Error(
        fmt::format("[load_state_dict] the state must be that of a GradScaler: missing {}", found[0] ? "growth_tracker" : "scale").c_str());
  core::read_one("GradScaler", *found[0], nullptr, &scale_);
  core::read_one("GradScaler", *found[1], nullptr, &good_steps_);
}

}  // namespace mushin::nn
