#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/softmax.hpp"

namespace mushin::core {
/// Gradient: y (g - sum(y g)) along the axis.
MUSHIN_API Traced softmax(const Traced&, unsigned axis);
/// Gradient: g - exp(y) sum(g) along the axis.
MUSHIN_API Traced log_softmax(const Traced&, unsigned axis);
// The gradients above as ops: one pass where both operands are constants, differentiable where not.
MUSHIN_API Traced softmax_backward(const Traced& y, const Traced& dy, unsigned axis);
MUSHIN_API Traced log_softmax_backward(const Traced& y, const Traced& dy, unsigned axis);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto softmax(const A& a, unsigned axis) {
  return a.with(core::softmax(a.whole(), axis + A::count));
}
template <class A>
auto log_softmax(const A& a, unsigned axis) {
  return a.with(core::log_softmax(a.whole(), axis + A::count));
}
}  // namespace mushin::core::mapped
