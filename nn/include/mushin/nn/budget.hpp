#pragma once
// A stack of modules that keeps no more for its backward pass than it may: what is beyond the budget is computed again.
#include <iterator>
#include <vector>

#include "mushin/autograd/core/checkpoint.hpp"
#include "mushin/nn/module.hpp"
#include "mushin/nn/sequential.hpp"

namespace mushin::nn {

/// In bytes, what a module keeps for the backward pass (`saved`), and what goes into it (`input`).
struct LayerBytes {
  std::int64_t saved = 0, input = 0;
};
/// How a stack is cut. Modules from `plain` on keep all. Those before are recomputed in segments, which begin at `starts`, the first one
/// at 0, and of each of which the input is kept. `peak`: bytes kept at most, while a segment is recomputed included.
struct CheckpointPlan {
  std::vector<std::int64_t> starts;
  std::int64_t plain = 0, peak = 0;
};
/// The plan with the fewest recomputed modules whose peak is within the budget; where there is none, the one with the smallest peak.
MUSHIN_API CheckpointPlan plan_checkpoints(const std::vector<LayerBytes>&, std::int64_t budget);

/// How much memory a stack may keep for its backward pass.
struct BudgetOptions {
  std::int64_t budget = 0;  ///< bytes
};

namespace detail {
/// A module of a stack, on untyped values.
struct StackStep {
  const void* module;
  core::Traced (*run)(const void* module, const core::Traced& x);
};
template <class Value, class M>
core::Traced run_step(const void* module, const core::Traced& x) {
  return core::Traced((*static_cast<const M*>(module))(Value{x}).raw());
}
/// The modules of a chain, with the type of the value on its way.
template <class Value>
struct StackSteps {
  std::vector<StackStep>* all;
};
template <class Value, class M>
auto operator|(StackSteps<Value> steps, const M& module) {
  steps.all->push_back({&module, run_step<Value, M>});
  return StackSteps<traced_of<std::remove_cvref_t<decltype(module(Value{core::Traced{}}))>>>{steps.all};
}
}  // namespace detail

/// `nn::Budgeted stack{{.budget = 64 << 20}};  auto y = stack(blocks, x);` applies modules one after the other: an nn::Sequential, or a
/// std::vector or std::array of modules that give what they take. What they keep is measured by one more run, module by module (of equal
/// ones: of the first), at the first call and whenever the sizes of x differ; no other thread should compute then. Values, gradients and
/// random numbers are those of the modules alone, bit for bit. Transient memory of the backward pass comes on top of the budget. A budget
/// that cannot be kept is not an error: the plan with the smallest peak is taken, and `plan().peak` tells it. The modules must live until
/// the backward pass is done. Error unless the budget is positive.
class Budgeted {
 public:
  MUSHIN_API explicit Budgeted(BudgetOptions);

  template <class Blocks, TensorLike X>
  requires requires(const Blocks& b) { std::data(b); }
  auto operator()(const Blocks& blocks, const X& x) {
    using Value = traced_of<X>;
    using Block = std::remove_cvref_t<decltype(*std::data(blocks))>;
    using Given = std::remove_cvref_t<decltype((*std::data(blocks))(Value{x}))>;
    static_assert(std::convertible_to<Given, Value>, "[Budgeted] each block must give the type that it takes");
    std::vector<detail::StackStep> steps;
    for (const Block& b : blocks) steps.push_back({&b, detail::run_step<Value, Block>});
    return Value{apply(steps, true, core::Traced(x.raw()))};
  }
  template <unsigned... I, class... M, TensorLike X>
  auto operator()(const Chain<std::integer_sequence<unsigned, I...>, M...>& chain, const X& x) {
    using Given = traced_of<std::remove_cvref_t<decltype(chain(traced_of<X>{core::Traced{}}))>>;
    std::vector<detail::StackStep> steps;
    chain.mushin_members([&steps](const auto&... layer) { (void)(detail::StackSteps<traced_of<X>>{&steps} | ... | layer); });
    return Given{apply(steps, false, core::Traced(x.raw()))};
  }

  const CheckpointPlan& plan() const { return plan_; }

 private:
  MUSHIN_API core::Traced apply(const std::vector<detail::StackStep>&, bool alike, const core::Traced& x);
  void measure(const std::vector<detail::StackStep>&, bool alike, const core::Traced& x);

  std::int64_t budget_;
  core::Sizes measured_{-1};
  CheckpointPlan plan_;
};

}  // namespace mushin::nn
