#pragma once
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/index.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// out[p] = a[p with coordinate `axis` replaced by indices[p]]; indices: i64, of a's rank, its other sizes equal to a's.
/// ShapeError when an index is outside its axis.
MUSHIN_API Array gather(const Array&, unsigned axis, const Array& indices);
/// `base` with updates[p] added at p with coordinate `axis` replaced by indices[p]: the adjoint of gather. `deterministic`: in row-major
/// order, so that the same sums come out every time.
MUSHIN_API Array scatter_add(const Array& base, unsigned axis, const Array& indices, const Array& updates, bool deterministic = true);
/// Rows a[i, …] for each of the indices, whose axes come first.
MUSHIN_API Array take(const Array&, const Array& indices);
/// A last axis of `classes` elements: 1 at the index, 0 elsewhere. ShapeError when an index is outside [0, classes).
MUSHIN_API Array one_hot(const Array& indices, std::int64_t classes, dtype);
}  // namespace mushin::core

namespace mushin {

/// out[p] = a[p with coordinate `Axis` replaced by indices[p]] (-1 is the last axis). indices: std::int64_t, of a's rank, its extents on
/// other axes equal to a's; result: the extents of `indices`. Gradient in `a`: the cotangent, added where it was read. ShapeError when
/// an index is outside its axis.
template <int Axis, TensorLike A, TensorLike I>
auto gather(const A& a, const I& indices) {
  static_assert(index_elements<I>, "[gather] the indices must be std::int64_t: cast with .to<std::int64_t>()");
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[gather] the axis is out of range");
  else if constexpr (!rules::gather_matches(A::extents, I::extents, axis))
    static_assert(index_extents_match<spell(A::extents), spell(I::extents)>,
                  "[gather] the indices must have a's extents on every other axis");
  constexpr unsigned others = rules::equal_at_run_time(A::extents, I::extents) & ~(1u << (A::extents.rank - 1 - axis));
  if constexpr (others != 0) core::check_equal("gather", a.shape(), indices.shape(), others);
  using core::gather;
  return detail::made<typename A::element, rules::gather(A::extents, I::extents, axis)>(
      gather(a.raw(), axis, detail::constant(indices.raw())));
}

/// `scatter_add<0>(a, indices, b, deterministic)`: the same bits every time.
struct Deterministic {};
inline constexpr Deterministic deterministic;

/// `a` with b[p] added at p with coordinate `Axis` replaced by indices[p] (-1 is the last axis). indices: std::int64_t, of a's rank, its
/// extents on other axes equal to a's; b: the extents of `indices`; result: those of `a`. One element type, not bool. Elements that meet at
/// one place are added in any order, which rounding may show, or in row-major order when `deterministic` is said; f16 and bf16 in float,
/// rounded once; integers wrap. Gradients: the cotangent in `a`; in `b` what of it stands where each was added. ShapeError when an index is
/// outside its axis.
template <int Axis, TensorLike A, TensorLike I, TensorLike B, std::same_as<Deterministic>... D>
auto scatter_add(const A& a, const I& indices, const B& b, D...) {
  static_assert(index_elements<I>, "[scatter_add] the indices must be std::int64_t: cast with .to<std::int64_t>()");
  static_assert(same_element_type<A, B>, "[scatter_add] both tensors must have the same element type: cast with .to<T>()");
  static_assert(number_elements<A>, "[scatter_add] needs numbers, not bool: cast with .to<float>()");
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[scatter_add] the axis is out of range");
  else if constexpr (!rules::gather_matches(A::extents, I::extents, axis))
    static_assert(index_extents_match<spell(A::extents), spell(I::extents)>,
                  "[scatter_add] the indices must have a's extents on every other axis");
  else if constexpr (!rules::gather_matches(I::extents, B::extents, max_rank))
    static_assert(index_extents_match<spell(B::extents), spell(I::extents)>,
                  "[scatter_add] the updates must have the extents of the indices");
  using core::scatter_add;
  return detail::like<A>(scatter_add(a.raw(), axis, detail::constant(indices.raw()), b.raw(), sizeof...(D) != 0));
}

/// Rows of `a`. a: (rows, rest…), indices: any shape, std::int64_t -> (shape of indices…, rest…). Gradient in `a`: the cotangent, added to
/// the rows taken. ShapeError when an index is outside the first axis.
template <TensorLike A, TensorLike I>
auto take(const A& a, const I& indices) {
  static_assert(index_elements<I>, "[take] the indices must be std::int64_t: cast with .to<std::int64_t>()");
  static_assert(A::extents.rank > 0, "[take] a scalar has no rows");
  static_assert(A::extents.rank + I::extents.rank <= max_rank + 1, "[take] at most 8 axes");
  using core::take;
  return detail::made<typename A::element, rules::take(A::extents, I::extents)>(take(a.raw(), detail::constant(indices.raw())));
}

/// 1 at the index, else 0, along a new last axis: (…) -> (…, N). indices: std::int64_t; element type `T`. ShapeError when an index is
/// outside [0, N).
template <std::int64_t N, class T = float, TensorLike I>
auto one_hot(const I& indices) {
  static_assert(index_elements<I>, "[one_hot] the indices must be std::int64_t: cast with .to<std::int64_t>()");
  static_assert(is_element_type<T>, "[one_hot] not an element type: use float, double, f16, bf16, bool or an integer of 8, 32 or 64 bits");
  static_assert(I::extents.rank < max_rank, "[one_hot] at most 8 axes");
  static_assert(N >= 0, "[one_hot] the number of classes must not be negative");
  using core::one_hot;
  return detail::made<T, rules::append(I::extents, extent{N})>(one_hot(detail::constant(indices.raw()), N, dtype_of<T>));
}

}  // namespace mushin
