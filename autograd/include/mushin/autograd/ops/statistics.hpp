#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/statistics.hpp"

// g: the result's cotangent, y: the result, n: how many elements were reduced.
namespace mushin::core {
MUSHIN_API Traced var(const Traced&, unsigned axes, bool keep, double correction);  // g 2 (x - mean) / (n - correction)
MUSHIN_API Traced std(const Traced&, unsigned axes, bool keep, double correction);  // g (x - mean) / (y (n - correction)): 0 where y is 0
MUSHIN_API Traced logsumexp(const Traced&, unsigned axes, bool keep);               // g e^(x - y): 0 where y is -inf
MUSHIN_API Traced norm(const Traced&, unsigned axes, bool keep);                    // g x / y: 0 where y is 0
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto var(const A& a, unsigned axes, bool keep, double correction) {
  return a.with(core::var(a.whole(), axes << A::count, keep, correction));
}
template <class A>
auto std(const A& a, unsigned axes, bool keep, double correction) {
  return a.with(core::std(a.whole(), axes << A::count, keep, correction));
}
template <class A>
auto logsumexp(const A& a, unsigned axes, bool keep) {
  return a.with(core::logsumexp(a.whole(), axes << A::count, keep));
}
template <class A>
auto norm(const A& a, unsigned axes, bool keep) {
  return a.with(core::norm(a.whole(), axes << A::count, keep));
}
}  // namespace mushin::core::mapped
