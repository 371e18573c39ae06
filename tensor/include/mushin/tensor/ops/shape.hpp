#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/permute.hpp"
#include "mushin/tensor/shape_rules/reshape.hpp"
#include "mushin/tensor/shape_rules/slice.hpp"
#include "mushin/tensor/sizes.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Row-major. At most one size is -1: what is left. ShapeError when the counts differ. A view where the strides allow.
MUSHIN_API Array reshape(const Array&, const Sizes& to);
/// Axis i of the result is axis `order[i]`. A view.
MUSHIN_API Array permute(const Array&, const unsigned* order);
/// The last two axes swapped. A view.
MUSHIN_API Array transpose(const Array&);
/// Whether it lies in memory transposed: the second last axis is the contiguous one. False for what isn't in memory yet.
MUSHIN_API bool lies_transposed(const Array&) noexcept;
/// A view with stride 0 in the new and stretched axes.
MUSHIN_API Array broadcast_to(const Array&, const Sizes& to);
/// [begin, end) of one axis. A view. ShapeError unless 0 <= begin <= end <= size.
MUSHIN_API Array slice(const Array&, unsigned axis, std::int64_t begin, std::int64_t end);
/// Zeros of `size` along `axis`, with the array at `begin`: the adjoint of slice.
MUSHIN_API Array place(const Array&, unsigned axis, std::int64_t begin, std::int64_t size);
/// Summed over the axes that broadcasting to the array's shape added or stretched: the adjoint of broadcast_to.
MUSHIN_API Array sum_to(const Array&, const Sizes& to);
}  // namespace mushin::core

namespace mushin {

/// The same elements, row-major, under other extents. A named extent has the size it has in `a`; one extent may be `dyn`, or a name that
/// `a` lacks: what is left. Counts must match. Gradient: the cotangent, reshaped back. ShapeError where counts that only the run knows
/// differ.
template <extent... To, TensorLike A>
auto reshape(const A& a) {
  constexpr Shape to{To...};
  if constexpr (!rules::same_count(A::extents, to))
    static_assert(element_counts_match<spell(A::extents), spell(to)>, "[reshape] the number of elements must not change");
  if constexpr (!rules::at_most_one_open(A::extents, to))
    static_assert(sizes_can_be_told<spell(A::extents), spell(to)>, "[reshape] only one extent can be left to the run");
  using core::reshape;
  return detail::made<typename A::element, to>(reshape(a.raw(), core::Sizes{detail::size_within(a, To)...}));
}

/// All axes but the first become one: (n, a, b, …) -> (n, a*b*…). Gradient: the cotangent, reshaped back.
template <TensorLike A>
auto flatten(const A& a) {
  static_assert(A::extents.rank > 0, "[flatten] a scalar has no axes");
  const core::Sizes& sizes = a.shape();
  std::int64_t rest = 1;
  for (unsigned i = 1; i < sizes.rank; ++i) rest *= sizes[i];
  using core::reshape;
  return detail::made<typename A::element, rules::flatten(A::extents)>(reshape(a.raw(), core::Sizes{sizes[0], rest}));
}

/// `a` without axis `Axis` (-1 is the last), whose extent is 1. Gradient: the cotangent, reshaped back. ShapeError where a `dyn` isn't 1.
template <int Axis, TensorLike A>
auto squeeze(const A& a) {
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[squeeze] the axis is out of range");
  else if constexpr (!rules::squeezable(A::extents, axis))
    static_assert(axis_is_one<spell(A::extents)>, "[squeeze] only an axis of size 1 can be dropped");
  core::Sizes to;
  for (unsigned i = 0; i < a.shape().rank; ++i)
    if (i != axis) to.push(a.shape()[i]);
  using core::reshape;
  return detail::made<typename A::element, rules::squeeze(A::extents, axis)>(reshape(a.raw(), to));
}

/// `a` with a new axis of size 1 in front of axis `Axis`; the rank, or -1: behind the last. Gradient: the cotangent, reshaped back.
template <int Axis, TensorLike A>
auto unsqueeze(const A& a) {
  constexpr Shape grown = rules::append(A::extents, 1);
  constexpr unsigned axis = rules::axis(grown, Axis);
  static_assert(A::extents.rank < max_rank, "[unsqueeze] at most 8 axes");
  if constexpr (!rules::axis_in_range(grown, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[unsqueeze] the axis is out of range");
  core::Sizes to;
  for (unsigned i = 0; i <= a.shape().rank; ++i) {
    if (i == axis) to.push(1);
    if (i < a.shape().rank) to.push(a.shape()[i]);
  }
  using core::reshape;
  return detail::made<typename A::element, rules::unsqueeze(A::extents, axis)>(reshape(a.raw(), to));
}

/// The last two axes swapped; a view. Gradient: the cotangent, transposed.
template <TensorLike A>
auto transpose(const A& a) {
  static_assert(A::extents.rank >= 2, "[transpose] needs at least two axes");
  using core::transpose;
  return detail::made<typename A::element, rules::transpose(A::extents)>(transpose(a.raw()));
}

/// Axis i of the result is axis `Order[i]` of `a` (-1 is the last); a view. Gradient: the cotangent, permuted back.
template <int... Order, TensorLike A>
auto permute(const A& a) {
  constexpr rules::Axes order{Order...};
  if constexpr (!rules::is_permutation(A::extents, order))
    static_assert(permutes_all_axes<spell(A::extents), spell(order)>, "[permute] name every axis once");
  const unsigned axes[] = {rules::axis(A::extents, Order)..., 0};
  using core::permute;
  return detail::made<typename A::element, rules::permute(A::extents, order)>(permute(a.raw(), axes));
}

/// `a` repeated along new leading axes and axes of size 1; a view. A name that `a` lacks is given its size: `broadcast_to<batch, 3>(a,
/// batch = 32)`. Gradient: the cotangent, summed over the repeated axes. ShapeError where sizes that only the run knows don't fit.
template <extent... To, TensorLike A, text... Names>
auto broadcast_to(const A& a, SizedDim<Names>... given) {
  constexpr Shape to{To...};
  if constexpr (!rules::broadcasts_to(A::extents, to))
    static_assert(extents_broadcast<spell(A::extents), spell(to)>, "[broadcast_to] extents must be equal or 1, counted from the last");
  if constexpr (!detail::sizes_known<Names...>(A::extents, to))
    static_assert(names_have_sizes<spell(to)>, "[broadcast_to] give each new named extent its size, and only those: batch = 32");
  if constexpr (sizeof...(Names) != 0) core::check_given({core::Given{detail::name_chars<Names>.chars, given.size}...});
  const core::Sizes sizes{(detail::known_within(A::extents, To) ? detail::size_within(a, To) : detail::given_size(To, given...))...};
  constexpr unsigned checked = rules::equal_at_run_time(A::extents, to);
  if constexpr (checked != 0) core::check_equal("broadcast_to", a.shape(), sizes, checked);
  using core::broadcast_to;
  return detail::made<typename A::element, to>(broadcast_to(a.raw(), sizes));
}

/// Elements [Begin, End) of axis `Axis` (-1 is the last); a view. That extent becomes End - Begin. Gradient: the cotangent, amid
/// zeros. ShapeError where the range exceeds a size that only the run knows.
template <int Axis, std::int64_t Begin, std::int64_t End, TensorLike A>
auto slice(const A& a) {
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[slice] the axis is out of range");
  else if constexpr (!rules::slice_in_range(A::extents[axis], Begin, End))
    static_assert(range_within<spell(A::extents), spell(rules::Axes{Begin, End})>, "[slice] the range must lie within the axis");
  using core::slice;
  return detail::made<typename A::element, rules::with_extent(A::extents, axis, extent{End - Begin})>(slice(a.raw(), axis, Begin, End));
}

/// The same with a range that the run knows: that extent becomes `dyn`. ShapeError unless 0 <= begin <= end <= size.
template <int Axis, TensorLike A>
auto slice(const A& a, std::int64_t begin, std::int64_t end) {
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[slice] the axis is out of range");
  using core::slice;
  return detail::made<typename A::element, rules::with_extent(A::extents, axis, dyn)>(slice(a.raw(), axis, begin, end));
}

}  // namespace mushin
