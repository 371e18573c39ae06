#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/sort.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Values in order, and where each was.
template <class Handle, class Indices = Array>
struct SortedOf {
  Handle values;
  Indices indices;  // i64
};
using Sorted = SortedOf<Array>;
// Stable in both directions. NaN is greater than all else, -0 equals 0.
MUSHIN_API Array sort(const Array&, unsigned axis, bool descending);
MUSHIN_API Array argsort(const Array&, unsigned axis, bool descending);
/// The first `k` of both. ShapeError unless 0 <= k <= size.
MUSHIN_API Sorted sorted(const Array&, unsigned axis, std::int64_t k, bool descending);
MUSHIN_API Sorted topk(const Array&, unsigned axis, std::int64_t k);
}  // namespace mushin::core

namespace mushin {

/// `sort<1>(a, descending)`: the greatest first.
struct Descending {};
inline constexpr Descending descending;

/// `auto [values, indices] = topk<1, 3>(a)`.
template <class Values, class Indices>
struct TopK {
  Values values;
  Indices indices;
};

#define MUSHIN_RULE_AXIS(op, A, Axis)                    \
  if constexpr (!rules::axis_in_range(A::extents, Axis)) \
  static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[" op "] the axis is out of range")

/// The elements in ascending order along `Axis` (-1 is the last); in descending order: `sort<Axis>(a, descending)`. Shape of `a`. Stable
/// both ways. NaN is greater than all else, so last, and first in descending order; -0 equals 0. Gradient: each cotangent goes where its
/// element came from.
template <int Axis, TensorLike A, std::same_as<Descending>... D>
auto sort(const A& a, D...) {
  MUSHIN_RULE_AXIS("sort", A, Axis);
  using core::sort;
  return detail::like<A>(sort(a.raw(), rules::axis(A::extents, Axis), sizeof...(D) != 0));
}

/// Where the elements of `sort<Axis>(a)` were: indices along `Axis`, for gather<Axis>. std::int64_t, shape of `a`. No gradient: constants
/// only.
template <int Axis, TensorLike A, std::same_as<Descending>... D>
auto argsort(const A& a, D...) {
  MUSHIN_RULE_AXIS("argsort", A, Axis);
  if constexpr (Differentiable<A>)
    static_assert(has_gradient_rule<A>, "[argsort] has no gradient: take the argsort of the value, mu::argsort<Axis>(x.value())");
  using core::argsort;
  return detail::made<std::int64_t, A::extents>(argsort(detail::constant(a.raw()), rules::axis(A::extents, Axis), sizeof...(D) != 0));
}

/// The `K` greatest elements along `Axis` (-1 is the last), greatest first, and their indices: `auto [values, indices] = topk<Axis, K>(a)`.
/// Both have `K` elements along `Axis`; the indices are constant std::int64_t. Order as `sort<Axis>(a, descending)`: NaN first, the first
/// among equals first. Gradient of the values: each cotangent goes where its element came from. ShapeError where an extent that only the
/// run knows is less than `K`.
template <int Axis, std::int64_t K, TensorLike A>
auto topk(const A& a) {
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  MUSHIN_RULE_AXIS("topk", A, Axis);
  else if constexpr (!rules::topk_in_range(A::extents[axis], K)) static_assert(count_within<spell(A::extents), spell(rules::Axes{K})>,
                                                                               "[topk] the axis has fewer elements");
  constexpr Shape to = rules::topk(A::extents, axis, K);
  using core::topk;
  auto sorted = topk(a.raw(), axis, K);
  using Values = typed<decltype(sorted.values), typename A::element, to>;
  using Indices = typed<decltype(sorted.indices), std::int64_t, to>;
  return TopK<Values, Indices>{Values{std::move(sorted.values)}, Indices{std::move(sorted.indices)}};
}

#undef MUSHIN_RULE_AXIS

}  // namespace mushin
