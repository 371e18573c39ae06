#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/axes.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// b8: counted, as i64. Under `reverse` from each element to the end.
MUSHIN_API Array cumsum(const Array&, unsigned axis, bool reverse);
MUSHIN_API Array cumprod(const Array&, unsigned axis);
}  // namespace mushin::core

namespace mushin {

/// Sums of all elements up to and including each, along `Axis` (-1 is the last). Shape of `a`. Not bool; integers give
/// std::int64_t, which wraps. In the element type (float for 16-bit floats, each result rounded once), bracketed as the backend likes but
/// never by the number of threads: builtin adds runs of 4096 elements one after the other, and the runs' sums likewise, so that the error
/// of a float sum may grow as 4096 and the number of runs. Gradient: the same sums of the cotangent from the end.
template <int Axis, TensorLike A>
auto cumsum(const A& a) {
  static_assert(number_elements<A>, "[cumsum] needs numbers, not bool: cast with .to<std::int64_t>()");
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[cumsum] the axis is out of range");
  using core::cumsum;
  return detail::made<detail::sum_of<typename A::element>, A::extents>(cumsum(a.raw(), rules::axis(A::extents, Axis), false));
}

/// Products of all elements up to and including each, along `Axis` (-1 is the last). Shape of `a`. Not bool; element types as cumsum.
/// On builtin, products of floats are made from the first element on: 0 stays 0 whatever follows. Gradient: right where elements are 0,
/// too; it costs log2(n) passes over the axis's n elements.
template <int Axis, TensorLike A>
auto cumprod(const A& a) {
  static_assert(number_elements<A>, "[cumprod] needs numbers, not bool: cast with .to<std::int64_t>()");
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[cumprod] the axis is out of range");
  using core::cumprod;
  return detail::made<detail::sum_of<typename A::element>, A::extents>(cumprod(a.raw(), rules::axis(A::extents, Axis)));
}

}  // namespace mushin
