#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/scan.hpp"

namespace mushin::core {
/// Gradient: cumsum of the cotangent in the other direction.
MUSHIN_API Traced cumsum(const Traced&, unsigned axis, bool reverse);
/// Gradient: the product of what lies before, times the sum over what follows of the cotangent times the products in between.
MUSHIN_API Traced cumprod(const Traced&, unsigned axis);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto cumsum(const A& a, unsigned axis, bool reverse) {
  return a.with(core::cumsum(a.whole(), axis + A::count, reverse));
}
template <class A>
auto cumprod(const A& a, unsigned axis) {
  return a.with(core::cumprod(a.whole(), axis + A::count));
}
}  // namespace mushin::core::mapped
