#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/axes.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
MUSHIN_API Array softmax(const Array&, unsigned axis);
MUSHIN_API Array log_softmax(const Array&, unsigned axis);
/// Given y = softmax(x): y (dy - sum(y dy)).
MUSHIN_API Array softmax_backward(const Array& y, const Array& dy, unsigned axis);
/// Given y = log_softmax(x): dy - exp(y) sum(dy).
MUSHIN_API Array log_softmax_backward(const Array& y, const Array& dy, unsigned axis);
}  // namespace mushin::core

namespace mushin {

/// e^x / sum(e^x) along `Axis` (-1 is the last), computed from x - max(x). Shape of `a`. Float types; f16 and bf16 in float, rounded
/// once. Gradient: y (dy - sum(y dy)).
template <int Axis, TensorLike A>
auto softmax(const A& a) {
  static_assert(float_elements<A>, "[softmax] needs a float element type: cast with .to<float>()");
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[softmax] the axis is out of range");
  using core::softmax;
  return detail::like<A>(softmax(a.raw(), rules::axis(A::extents, Axis)));
}

/// x - log(sum(e^x)) along `Axis` (-1 is the last), computed from x - max(x). Shape of `a`. Float types; f16 and bf16 in float, rounded
/// once. Gradient: dy - e^y sum(dy).
template <int Axis, TensorLike A>
auto log_softmax(const A& a) {
  static_assert(float_elements<A>, "[log_softmax] needs a float element type: cast with .to<float>()");
  if constexpr (!rules::axis_in_range(A::extents, Axis))
    static_assert(axes_within<spell(A::extents), spell(rules::Axes{Axis})>, "[log_softmax] the axis is out of range");
  using core::log_softmax;
  return detail::like<A>(log_softmax(a.raw(), rules::axis(A::extents, Axis)));
}

}  // namespace mushin
