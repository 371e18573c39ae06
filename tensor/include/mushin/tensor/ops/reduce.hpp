#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/reduce.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
// `axes`: bit i is axis i. One pass over whatever is pending below. The sum of integers or bool is i64.
MUSHIN_API Array sum(const Array&, unsigned axes, bool keep);
/// 1 over none.
MUSHIN_API Array prod(const Array&, unsigned axes, bool keep);
MUSHIN_API Array mean(const Array&, unsigned axes, bool keep);
MUSHIN_API Array max(const Array&, unsigned axes, bool keep);
MUSHIN_API Array min(const Array&, unsigned axes, bool keep);
/// i64: row-major index within the reduced axes, of the first greatest element.
MUSHIN_API Array argmax(const Array&, unsigned axes, bool keep);
/// The same of the first least element.
MUSHIN_API Array argmin(const Array&, unsigned axes, bool keep);
/// Of b8, and b8.
MUSHIN_API Array any(const Array&, unsigned axes, bool keep);
MUSHIN_API Array all(const Array&, unsigned axes, bool keep);
}  // namespace mushin::core

namespace mushin {

/// `sum<1>(a, keep)`: reduced axes stay, as 1.
struct Keep {};
inline constexpr Keep keep;

// Axes are template arguments, all when none is given; -1 is the last. The result is `a` without those axes, or with them as 1 under
// `keep`.
#define MUSHIN_RULE_AXES(op, A, ...)                                                                 \
  constexpr rules::Axes which{__VA_ARGS__};                                                          \
  if constexpr (!rules::axes_in_range(A::extents, which))                                            \
    static_assert(axes_within<spell(A::extents), spell(which)>, "[" op "] an axis is out of range"); \
  static_assert(rules::axes_distinct(A::extents, which), "[" op "] an axis is given twice");         \
  constexpr unsigned mask = rules::axes_mask(A::extents, which)

/// Sum over `Axes`; 0 over none. Not bool. Integers give std::int64_t, which wraps; f16 and bf16 are summed in float, then rounded.
/// Gradient: the cotangent, spread over the reduced axes.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto sum(const A& a, K...) {
  MUSHIN_RULE_AXES("sum", A, Axes...);
  static_assert(number_elements<A>, "[sum] needs numbers, not bool: cast with .to<float>()");
  constexpr bool kept = sizeof...(K) != 0;
  using core::sum;
  return detail::made<detail::sum_of<typename A::element>, rules::reduce(A::extents, mask, kept)>(sum(a.raw(), mask, kept));
}

/// Product over `Axes`; 1 over none. Not bool. Integers and 16-bit floats as in sum. Gradient: the cotangent times the product of the
/// others, also where there are zeros.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto prod(const A& a, K...) {
  MUSHIN_RULE_AXES("prod", A, Axes...);
  static_assert(number_elements<A>, "[prod] needs numbers, not bool: cast with .to<float>()");
  constexpr bool kept = sizeof...(K) != 0;
  using core::prod;
  return detail::made<detail::sum_of<typename A::element>, rules::reduce(A::extents, mask, kept)>(prod(a.raw(), mask, kept));
}

/// Mean over `Axes`. Float types; f16 and bf16 in float, rounded once. Gradient: the cotangent spread over the reduced axes, divided by
/// their size.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto mean(const A& a, K...) {
  MUSHIN_RULE_AXES("mean", A, Axes...);
  static_assert(float_elements<A>, "[mean] needs a float element type: cast with .to<float>()");
  constexpr bool kept = sizeof...(K) != 0;
  using core::mean;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(mean(a.raw(), mask, kept));
}

/// Greatest element over `Axes`; NaN if there is one. Not bool. Gradient: the cotangent, to the greatest; shared among equals.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto max(const A& a, K...) {
  MUSHIN_RULE_AXES("max", A, Axes...);
  static_assert(number_elements<A>, "[max] needs numbers, not bool: cast with .to<float>()");
  static_assert(rules::reduces_something(A::extents, mask), "[max] an axis of size 0 has no greatest element");
  constexpr bool kept = sizeof...(K) != 0;
  using core::max;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(max(a.raw(), mask, kept));
}

/// Least element over `Axes`; NaN if there is one. Not bool. Gradient: the cotangent, to the least; shared among equals.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto min(const A& a, K...) {
  MUSHIN_RULE_AXES("min", A, Axes...);
  static_assert(number_elements<A>, "[min] needs numbers, not bool: cast with .to<float>()");
  static_assert(rules::reduces_something(A::extents, mask), "[min] an axis of size 0 has no least element");
  constexpr bool kept = sizeof...(K) != 0;
  using core::min;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(min(a.raw(), mask, kept));
}

/// Where the greatest element is: the row-major index within `Axes`, the first among equals. std::int64_t. Not bool. No gradient:
/// constants only.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto argmax(const A& a, K...) {
  MUSHIN_RULE_AXES("argmax", A, Axes...);
  static_assert(number_elements<A>, "[argmax] needs numbers, not bool: cast with .to<float>()");
  static_assert(rules::reduces_something(A::extents, mask), "[argmax] an axis of size 0 has no greatest element");
  if constexpr (Differentiable<A>)
    static_assert(has_gradient_rule<A>, "[argmax] has no gradient: take the argmax of the value, mu::argmax<Axis>(x.value())");
  constexpr bool kept = sizeof...(K) != 0;
  using core::argmax;
  return detail::made<std::int64_t, rules::reduce(A::extents, mask, kept)>(argmax(detail::constant(a.raw()), mask, kept));
}

/// Where the least element is: as argmax.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto argmin(const A& a, K...) {
  MUSHIN_RULE_AXES("argmin", A, Axes...);
  static_assert(number_elements<A>, "[argmin] needs numbers, not bool: cast with .to<float>()");
  static_assert(rules::reduces_something(A::extents, mask), "[argmin] an axis of size 0 has no least element");
  if constexpr (Differentiable<A>)
    static_assert(has_gradient_rule<A>, "[argmin] has no gradient: take the argmin of the value, mu::argmin<Axis>(x.value())");
  constexpr bool kept = sizeof...(K) != 0;
  using core::argmin;
  return detail::made<std::int64_t, rules::reduce(A::extents, mask, kept)>(argmin(detail::constant(a.raw()), mask, kept));
}

/// Is any element true? bool only; false over none.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto any(const A& a, K...) {
  MUSHIN_RULE_AXES("any", A, Axes...);
  static_assert(bool_elements<A>, "[any] needs bool elements: compare first, as in a != 0");
  constexpr bool kept = sizeof...(K) != 0;
  using core::any;
  return detail::made<bool, rules::reduce(A::extents, mask, kept)>(any(a.raw(), mask, kept));
}

/// Are all elements true? bool only; true over none.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto all(const A& a, K...) {
  MUSHIN_RULE_AXES("all", A, Axes...);
  static_assert(bool_elements<A>, "[all] needs bool elements: compare first, as in a != 0");
  constexpr bool kept = sizeof...(K) != 0;
  using core::all;
  return detail::made<bool, rules::reduce(A::extents, mask, kept)>(all(a.raw(), mask, kept));
}

}  // namespace mushin
