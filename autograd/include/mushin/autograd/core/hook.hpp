#pragma once
#include <memory>

#include "mushin/autograd/core/traced.hpp"

namespace mushin::core {

/// What is called with a complete gradient.
class MUSHIN_API GradientFunction {
 public:
  explicit GradientFunction(bool differentiable) : differentiable_(differentiable) {}
  GradientFunction(const GradientFunction&) = delete;
  GradientFunction& operator=(const GradientFunction&) = delete;
  virtual ~GradientFunction();
  /// The gradient to go on with; empty: `g`. `linked`: it is to be differentiable.
  virtual Traced call(const Traced& g, bool linked) = 0;
  /// Whether it may be called with `linked`.
  bool differentiable() const { return differentiable_; }

 private:
  bool differentiable_;
};

struct HookSlot;
/// Has `owned` called by each backward pass that comes to the value, after those added before. It is kept by the value's node.
/// GraphError when the value was made from no variable.
MUSHIN_API std::weak_ptr<HookSlot> add_hook(const Traced& value, std::unique_ptr<GradientFunction> owned);
MUSHIN_API void remove_hook(const std::weak_ptr<HookSlot>&) noexcept;

}  // namespace mushin::core
