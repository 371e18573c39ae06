#pragma once
// A stack of equal modules that keeps no more for its backward pass than it may: what is beyond the budget is computed again.
#include <algorithm>
#include <concepts>
#include <iterator>
#include <vector>

#include "mushin/autograd/checkpoint.hpp"
#include "mushin/nn/module.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::nn {

/// How a stack is cut: the last `plain` blocks keep all, those before are recomputed in segments of at most `segment` blocks, of each of
/// which the input is kept. `peak`: bytes kept at most, while a segment is recomputed included.
struct CheckpointPlan {
  std::int64_t plain = 0, segment = 0, peak = 0;
};
/// The plan with the fewest recomputed blocks whose peak is within the budget; where there is none, the one with the smallest peak.
/// `saved`: bytes that one block keeps; `boundary`: bytes of what goes from block to block.
MUSHIN_API CheckpointPlan plan_checkpoints(std::int64_t blocks, std::int64_t saved, std::int64_t boundary, std::int64_t budget);

struct BudgetOptions {
  std::int64_t budget = 0;  ///< bytes
};

/// `nn::Budgeted stack{{.budget = 64 << 20}};  auto y = stack(blocks, x);` applies `blocks` (a std::vector or std::array of modules that
/// give what they take) one after the other. What a block keeps is measured, by one more run of the first one, at the first call and
/// whenever the sizes of x differ; no other thread should compute then. Values, gradients and random numbers are those of the plain stack,
/// bit for bit. Transient memory of the backward pass comes on top of the budget. A budget that cannot be kept is not an error: the plan
/// with the smallest peak is taken, and `plan().peak` tells it. The blocks must live until the backward pass is done. Error unless the
/// budget is positive.
class Budgeted {
 public:
  MUSHIN_API explicit Budgeted(BudgetOptions);

  template <class Blocks, TensorLike X>
  auto operator()(const Blocks& blocks, const X& x) {
    using Value = traced_of<X>;
    const auto* first = std::data(blocks);
    const auto count = static_cast<std::int64_t>(std::size(blocks));
    static_assert(std::convertible_to<decltype((*first)(Value{x})), Value>, "[Budgeted] each block must give the type that it takes");
    std::vector<core::RandomDraw> draws;
    if (count > 0 && !(x.shape() == measured_)) {
      const core::RandomReplay drawn(draws);
      const auto before = in_use(x.raw());
      const Value y = (*first)(Value{x});
      core::evaluate(Value(y).raw().value());
      measure(count, x.raw(), in_use(x.raw()) - before);
    }
    const core::RandomReplay again(draws);  // what the measured run drew
    Value y{x};
    std::int64_t at = 0;
    for (; at < count - plan_.plain; at += plan_.segment) {
      const auto* const begin = first + at;
      const std::int64_t n = std::min(plan_.segment, count - plan_.plain - at);
      y = checkpoint(
          [begin, n](const auto& value) {
            Value inner{value};
            for (std::int64_t i = 0; i < n; ++i) inner = begin[i](inner);
            return inner;
          },
          y);
    }
    for (; at < count; ++at) y = first[at](y);
    return y;
  }

  const CheckpointPlan& plan() const { return plan_; }

 private:
  MUSHIN_API static std::int64_t in_use(const core::Array& x);
  static std::int64_t in_use(const core::Traced& x) { return in_use(x.value()); }
  MUSHIN_API void measure(std::int64_t blocks, const core::Array& x, std::int64_t saved);
  void measure(std::int64_t blocks, const core::Traced& x, std::int64_t saved) { measure(blocks, x.value(), saved); }

  std::int64_t budget_;
  core::Sizes measured_{-1};
  CheckpointPlan plan_;
};

}  // namespace mushin::nn
