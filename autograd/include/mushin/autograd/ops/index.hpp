#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/index.hpp"

namespace mushin::core {
/// Gradient: the cotangent added where each element came from.
MUSHIN_API Traced gather(const Traced&, unsigned axis, const Array& indices);
/// Gradient: the cotangent to `base`; to `updates` what of it stands where each was added.
MUSHIN_API Traced scatter_add(const Traced& base, unsigned axis, const Array& indices, const Traced& updates, bool deterministic = true);
/// Gradient: the cotangent, added to the rows taken.
MUSHIN_API Traced take(const Traced&, const Array& indices);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
/// take for each of the indices that the mapped axes have in common.
MUSHIN_API Array take_each(const Array& a, const Array& indices, unsigned maps);
MUSHIN_API Traced take_each(const Traced& a, const Array& indices, unsigned maps);
/// take of one list for all.
MUSHIN_API Array take_same(const Array& a, const Array& indices, unsigned maps);
MUSHIN_API Traced take_same(const Traced& a, const Array& indices, unsigned maps);

template <class A, class I>
auto gather(const A& a, unsigned axis, const I& indices) {
  using To = all_maps<A, I>;
  const auto [from, at] = spread_operands<To>(a, indices);
  return result<A, I>(core::gather(from, axis + To::count, at));
}
template <class A, class I, class U>
auto scatter_add(const A& base, unsigned axis, const I& indices, const U& updates, bool deterministic = true) {
  using To = all_maps<A, I, U>;
  const auto [to, at, from] = spread_operands<To>(base, indices, updates);
  return result<A, I, U>(core::scatter_add(to, axis + To::count, at, from, deterministic));
}
template <class A, class I>
auto take(const A& a, const I& indices) {
  using To = all_maps<A, I>;
  if constexpr (!is_mapped<A>) {
    return result<A, I>(core::take(a, indices.whole()));
  } else if constexpr (!is_mapped<I>) {
    return a.with(take_same(a.whole(), indices, To::count));
  } else {
    const auto [from, at] = spread_operands<To>(a, indices);
    return result<A, I>(take_each(from, at, To::count));
  }
}
template <class I>
auto one_hot(const I& indices, std::int64_t classes, mushin::dtype type) {
  return indices.with(core::one_hot(indices.whole(), classes, type));
}
}  // namespace mushin::core::mapped
