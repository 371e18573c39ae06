#include "mushin/nn/budget.hpp"

#include <algorithm>
#include <string>

#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::nn {
namespace {

using detail::StackStep;

// Segments of the modules before `plain`, each as long as it keeps no more than `most` when it is recomputed.
CheckpointPlan cut(const std::vector<LayerBytes>& layers, std::size_t plain, std::int64_t most) {
  CheckpointPlan plan;
  plan.plain = static_cast<std::int64_t>(plain);
  std::int64_t inputs = 0, segment = most;  // kept inputs of segments; of the whole stack's, whoever made it takes care
  for (std::size_t i = 0; i < plain; ++i) {
    if (i == 0 || segment + layers[i].saved > most) {
      plan.starts.push_back(static_cast<std::int64_t>(i));
      inputs += i > 0 ? layers[i].input : 0;
      segment = 0;
    }
    segment += layers[i].saved;
    plan.peak = std::max(plan.peak, inputs + segment);
  }
  std::int64_t tail = plain > 0 && plain < layers.size() ? inputs + layers[plain].input : inputs;
  for (std::size_t i = plain; i < layers.size(); ++i) tail += layers[i].saved;
  plan.peak = std::max(plan.peak, tail);
  return plan;
}

core::Traced run_all(const std::vector<StackStep>& steps, core::Traced x) {
  for (const StackStep& s : steps) x = s.run(s.module, x);
  return x;
}

class Segment final : public core::Recomputed {
 public:
  explicit Segment(std::vector<StackStep> steps) : steps_(std::move(steps)) {}
  core::Traced run(const core::Traced* x) override { return run_all(steps_, *x); }

 private:
  std::vector<StackStep> steps_;
};

std::int64_t bytes_in(const core::Array& a) { return a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type())); }
std::int64_t in_use(core::Device* d) { return static_cast<std::int64_t>(memory_stats(Device(d)).in_use); }

struct Kept {
  std::int64_t input, saved;  // bytes; saved: but for the input
  bool has_input, has_output;
};
/// Runs the module on `value`, which becomes its result, and looks at what its graph holds on to. What is kept by two (a result that the
/// next one multiplies) is one array.
Kept kept_by(const StackStep& s, core::Array& value) {
  core::Device* const d = value.device();
  core::evaluate(value);
  Kept kept{bytes_in(value), 0, false, false};
  const std::int64_t before = in_use(d);
  core::Traced y = s.run(s.module, core::Traced{value});
  core::evaluate(y.value());
  const core::Traced link = core::neg(y);  // holds y's graph, and of y's value nothing
  core::evaluate(link.value());
  const std::int64_t output = bytes_in(y.value()), with_output = in_use(d);
  y = core::Traced{};
  const std::int64_t with_input = in_use(d);
  value = core::Array{};
  kept.saved = with_input - before - output;
  kept.has_output = with_output - with_input < output;
  kept.has_input = with_input - in_use(d) < kept.input;
  value = core::neg(link.value());
  return kept;
}

}  // namespace

CheckpointPlan plan_checkpoints(const std::vector<LayerBytes>& layers, std::int64_t budget) {
  CheckpointPlan least = cut(layers, 0, budget);
  for (std::size_t plain = 0; plain < layers.size(); ++plain) {
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < plain; ++i) largest = std::max(largest, layers[i].saved);
    // Shorter segments take less while they are recomputed, and more for their inputs.
    for (std::int64_t most = std::max(budget, largest);; most = std::max(largest, most - most / 8 - 1)) {
      CheckpointPlan plan = cut(layers, plain, most);
      if (plan.peak <= budget) return plan;
      if (plan.peak < least.peak) least = std::move(plan);
      if (most == largest) break;
    }
  }
  return least;
}

Budgeted::Budgeted(BudgetOptions o) : budget_(o.budget) {
  if (o.budget <= 0) throw Error(("[Budgeted] the budget must be a positive number of bytes: " + std::to_string(o.budget)).c_str());
}

void Budgeted::measure(const std::vector<StackStep>& steps, bool alike, const core::Traced& x) {
  std::vector<LayerBytes> layers;
  bool has_output = true;  // the one before keeps its output
  core::Array value = x.value();
  for (const StackStep& s : steps) {
    const Kept kept = kept_by(s, value);
    if (!has_output && kept.has_input) layers.back().saved += kept.input;
    has_output = kept.has_output;
    layers.push_back({kept.saved, kept.input});
    if (!alike) continue;
    if (!kept.has_output && kept.has_input) layers.back().saved += kept.input;
    layers.resize(steps.size(), layers.front());
    break;
  }
  measured_ = x.sizes();
  plan_ = plan_checkpoints(layers, budget_);
}

core::Traced Budgeted::apply(const std::vector<StackStep>& steps, bool alike, const core::Traced& x) {
  std::vector<core::RandomDraw> draws;
  if (!(x.sizes() == measured_)) {
    const core::RandomReplay drawn(draws);
    measure(steps, alike, x);
  }
  const core::RandomReplay again(draws);  // what the measured run drew
  const auto at = [&steps](std::int64_t i) { return steps.begin() + i; };
  core::Traced y = x;
  for (std::size_t i = 0; i < plan_.starts.size(); ++i) {
    const std::int64_t end = i + 1 < plan_.starts.size() ? plan_.starts[i + 1] : plan_.plain;
    y = core::checkpoint(new Segment({at(plan_.starts[i]), at(end)}), &y, 1);
  }
  return run_all({at(plan_.plain), steps.end()}, y);
}

}  // namespace mushin::nn
