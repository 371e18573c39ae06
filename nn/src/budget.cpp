#include "mushin/nn/budget.hpp"

#include <algorithm>
#include <string>

#include "mushin/tensor/device.hpp"

namespace mushin::nn {

CheckpointPlan plan_checkpoints(std::int64_t blocks, std::int64_t saved, std::int64_t boundary, std::int64_t budget) {
  CheckpointPlan least;
  // As many plain blocks as a segment has: their memory is free when the first segment is recomputed.
  for (std::int64_t n = blocks; n > 0; --n) {
    const CheckpointPlan plan{n, n, n * saved + (blocks - 1) / n * boundary};
    if (plan.peak <= budget) return plan;
    if (least.segment == 0 || plan.peak < least.peak) least = plan;
  }
  return least;
}

Budgeted::Budgeted(BudgetOptions o) : budget_(o.budget) {
  if (o.budget <= 0) throw Error(("[Budgeted] the budget must be a positive number of bytes: " + std::to_string(o.budget)).c_str());
}

std::int64_t Budgeted::in_use(const core::Array& x) { return static_cast<std::int64_t>(memory_stats(Device(x.device())).in_use); }

void Budgeted::measure(std::int64_t blocks, const core::Array& x, std::int64_t saved) {
  const std::int64_t boundary = x.sizes().count() * static_cast<std::int64_t>(bytes_of(x.type()));
  measured_ = x.sizes();
  plan_ = plan_checkpoints(blocks, std::max(saved, boundary), boundary, budget_);
}

}  // namespace mushin::nn
