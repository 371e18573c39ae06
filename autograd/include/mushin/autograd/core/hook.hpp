#pragma once
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

/// Names a hook, without keeping it.
class MUSHIN_API HookHandle {
 public:
  struct Slot;

  HookHandle() noexcept = default;
  explicit HookHandle(Slot* owned) noexcept : slot_(owned) {}
  HookHandle(HookHandle&& o) noexcept : slot_(std::exchange(o.slot_, nullptr)) {}
  HookHandle& operator=(HookHandle&& o) noexcept {
    std::swap(slot_, o.slot_);
    return *this;
  }
  ~HookHandle();
  /// Ends and destroys the hook, if it is still there.
  void remove() noexcept;

 private:
  Slot* slot_ = nullptr;
};

/// Has `owned` called by each backward pass that comes to the value, after those added before. It is taken over, also by an error, and kept
/// by the value's node. GraphError when the value was made from no variable.
MUSHIN_API HookHandle add_hook(const Traced& value, GradientFunction* owned);

}  // namespace mushin::core
