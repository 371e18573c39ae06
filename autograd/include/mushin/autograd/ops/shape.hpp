#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/shape.hpp"

// Gradients are the adjoint moves: reshape back, the inverse permutation, sum_to for broadcast_to, place for slice.
namespace mushin::core {
MUSHIN_API Traced reshape(const Traced&, const Sizes& to);
MUSHIN_API Traced permute(const Traced&, const unsigned* order);
MUSHIN_API Traced transpose(const Traced&);
MUSHIN_API Traced broadcast_to(const Traced&, const Sizes& to);
MUSHIN_API Traced sum_to(const Traced&, const Sizes& to);
MUSHIN_API Traced slice(const Traced&, unsigned axis, std::int64_t begin, std::int64_t end);
MUSHIN_API Traced place(const Traced&, unsigned axis, std::int64_t begin, std::int64_t size);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto reshape(const A& a, const Sizes& to) {
  return a.with(core::reshape(a.whole(), behind(a.whole().sizes(), A::count, to)));
}
template <class A>
auto permute(const A& a, const unsigned* order) {
  unsigned all[max_rank];
  for (unsigned i = 0; i < a.whole().rank(); ++i) all[i] = i < A::count ? i : A::count + order[i - A::count];
  return a.with(core::permute(a.whole(), all));
}
template <class A>
auto transpose(const A& a) {
  return a.with(core::transpose(a.whole()));
}
template <class A>
auto broadcast_to(const A& a, const Sizes& to) {
  const auto ranked = lifted<typename A::maps>(a, to.rank);
  return a.with(core::broadcast_to(ranked, behind(ranked.sizes(), A::count, to)));
}
template <class A>
auto slice(const A& a, unsigned axis, std::int64_t begin, std::int64_t end) {
  return a.with(core::slice(a.whole(), axis + A::count, begin, end));
}
}  // namespace mushin::core::mapped
