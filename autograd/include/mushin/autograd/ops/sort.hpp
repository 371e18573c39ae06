#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/sort.hpp"

namespace mushin::core {
/// Gradient: each cotangent to where its element came from.
MUSHIN_API Traced sort(const Traced&, unsigned axis, bool descending);
/// Gradient of the values: the same.
MUSHIN_API SortedOf<Traced> topk(const Traced&, unsigned axis, std::int64_t k);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto sort(const A& a, unsigned axis, bool descending) {
  return a.with(core::sort(a.whole(), axis + A::count, descending));
}
template <class A>
auto argsort(const A& a, unsigned axis, bool descending) {
  return a.with(core::argsort(a.whole(), axis + A::count, descending));
}
template <class A>
auto topk(const A& a, unsigned axis, std::int64_t k) {
  auto of_whole = core::topk(a.whole(), axis + A::count, k);
  auto values = a.with(of_whole.values);
  auto indices = a.with(of_whole.indices);
  return SortedOf<decltype(values), decltype(indices)>{values, indices};
}
}  // namespace mushin::core::mapped
