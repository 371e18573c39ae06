#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core {
// `axes`: bit i is axis i.
/// Gradient: the cotangent, spread over the reduced axes.
MUSHIN_API Traced sum(const Traced&, unsigned axes, bool keep);
/// Gradient: the cotangent times the product of the other elements.
MUSHIN_API Traced prod(const Traced&, unsigned axes, bool keep);
/// Gradient: the cotangent over the number of reduced elements, spread.
MUSHIN_API Traced mean(const Traced&, unsigned axes, bool keep);
/// Gradient: shared equally by the elements that are the maximum.
MUSHIN_API Traced max(const Traced&, unsigned axes, bool keep);
/// Gradient: shared equally by the elements that are the minimum.
MUSHIN_API Traced min(const Traced&, unsigned axes, bool keep);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto sum(const A& a, unsigned axes, bool keep) {
  return a.with(core::sum(a.whole(), axes << A::count, keep));
}
template <class A>
auto prod(const A& a, unsigned axes, bool keep) {
  return a.with(core::prod(a.whole(), axes << A::count, keep));
}
template <class A>
auto mean(const A& a, unsigned axes, bool keep) {
  return a.with(core::mean(a.whole(), axes << A::count, keep));
}
template <class A>
auto max(const A& a, unsigned axes, bool keep) {
  return a.with(core::max(a.whole(), axes << A::count, keep));
}
template <class A>
auto min(const A& a, unsigned axes, bool keep) {
  return a.with(core::min(a.whole(), axes << A::count, keep));
}
template <class A>
auto argmax(const A& a, unsigned axes, bool keep) {
  return a.with(core::argmax(a.whole(), axes << A::count, keep));
}
template <class A>
auto argmin(const A& a, unsigned axes, bool keep) {
  return a.with(core::argmin(a.whole(), axes << A::count, keep));
}
template <class A>
auto any(const A& a, unsigned axes, bool keep) {
  return a.with(core::any(a.whole(), axes << A::count, keep));
}
template <class A>
auto all(const A& a, unsigned axes, bool keep) {
  return a.with(core::all(a.whole(), axes << A::count, keep));
}
}  // namespace mushin::core::mapped
