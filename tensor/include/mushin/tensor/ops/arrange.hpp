#pragma once
#include <array>

#include "mushin/tensor/ops/operands.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/arrange.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Side by side along an axis. One element type; ShapeError `[op] …` where sizes differ elsewhere.
MUSHIN_API Array concat(const Array* parts, unsigned count, unsigned axis, const char* op = "concat");
/// Along a new axis in front of `axis`. Equal sizes.
MUSHIN_API Array stack(const Array* parts, unsigned count, unsigned axis);
/// The size of one of `parts` equal parts. ShapeError where the axis doesn't divide.
MUSHIN_API std::int64_t part_of(const Sizes&, unsigned axis, std::int64_t parts);
/// Each axis of the mask in reverse order. A copy.
MUSHIN_API Array flip(const Array&, unsigned axes);
/// `value` (rank 0, of a's type) around `a`: numbers in front of and behind each axis.
MUSHIN_API Array pad(const Array& a, const std::int64_t* before, const std::int64_t* after, const Array& value);
/// Repeated `times[i]` along axis i; `times` may have more axes: new ones in front.
MUSHIN_API Array tile(const Array&, const Sizes& times);
/// Element `i` of the axis (-1 is the last one), without it. A view. ShapeError unless it is there.
MUSHIN_API Array at(const Array&, unsigned axis, std::int64_t i);
}  // namespace mushin::core

namespace mushin {

#define MUSHIN_RULE_AXIS(op, A, axis)           \
  if constexpr (!rules::axis_in_range(A, axis)) \
  static_assert(axes_within<spell(A), spell(rules::Axes{axis})>, "[" op "] the axis is out of range")

/// Tensors side by side along axis `Axis` (-1 is the last), whose extents add up (of named ones to `dyn`). One element type; equal extents
/// on the other axes. Gradient: to each its part of the cotangent. ShapeError where extents whose sizes only the run knows disagree.
template <int Axis, TensorLike A, TensorLike... B>
auto concat(const A& a, const B&... b) {
  MUSHIN_RULE_AXIS("concat", A::extents, Axis);
  static_assert((same_element_type<A, B> && ...), "[concat] all tensors must have the same element type: cast with .to<T>()");
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  const auto check = []<class C>(const C&) {
    if constexpr (!rules::joins(A::extents, C::extents, axis))
      static_assert(extents_join<spell(A::extents), spell(C::extents)>, "[concat] extents must be equal on every other axis");
  };
  (check(b), ...);
  using Raw = detail::common_raw<A, B...>;
  const Raw parts[] = {Raw(a.raw()), Raw(b.raw())...};
  using core::concat;
  return detail::made<typename A::element, rules::concat(axis, A::extents, B::extents...)>(concat(parts, 1 + sizeof...(B), axis));
}

/// Tensors of equal extents behind each other along a new axis in front of axis `Axis` (-1: behind the last). One element type. Gradient:
/// to each its part of the cotangent. ShapeError where extents whose sizes only the run knows disagree.
template <int Axis, TensorLike A, TensorLike... B>
auto stack(const A& a, const B&... b) {
  static_assert(A::extents.rank < max_rank, "[stack] at most 8 axes");
  constexpr Shape grown = rules::stack(A::extents, 0, 1);
  MUSHIN_RULE_AXIS("stack", grown, Axis);
  static_assert((same_element_type<A, B> && ...), "[stack] all tensors must have the same element type: cast with .to<T>()");
  const auto check = []<class C>(const C&) {
    if constexpr (!rules::stacks(A::extents, C::extents))
      static_assert(extents_join<spell(A::extents), spell(C::extents)>, "[stack] all tensors must have the same extents");
  };
  (check(b), ...);
  constexpr unsigned axis = rules::axis(grown, Axis);
  constexpr Shape one = rules::concat(max_rank - 1, A::extents, B::extents...);
  using Raw = detail::common_raw<A, B...>;
  const Raw parts[] = {Raw(a.raw()), Raw(b.raw())...};
  using core::stack;
  return detail::made<typename A::element, rules::stack(one, axis, extent{1 + sizeof...(B)})>(stack(parts, 1 + sizeof...(B), axis));
}

namespace detail {
template <unsigned Axis, class A, int... I>
auto parts_of(const A& a, std::int64_t each, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  using core::slice;
  const auto part = [&](std::int64_t i) {
    return made<typename A::element, rules::split(A::extents, Axis, n)>(slice(a.raw(), Axis, i * each, (i + 1) * each));
  };
  return std::array<decltype(part(0)), sizeof...(I)>{part(I)...};
}
}  // namespace detail

/// `N` equal parts of axis `Axis` (-1 is the last): a std::array of views, for `auto [q, k, v] = split<-1, 3>(a)`. A named extent becomes
/// `dyn`. Gradient: the cotangents, each amid zeros. ShapeError where a size that only the run knows doesn't divide by N.
template <int Axis, int N, TensorLike A>
auto split(const A& a) {
  MUSHIN_RULE_AXIS("split", A::extents, Axis);
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  if constexpr (!rules::splits(A::extents[axis], N))
    static_assert(divides_evenly<spell(A::extents), spell(rules::Axes{N})>, "[split] the axis must divide into equal parts");
  return detail::parts_of<axis>(a, core::part_of(a.shape(), axis, N), std::make_integer_sequence<int, N>());
}

/// The elements of axes `Axes` (all when none is given; -1 is the last) in reverse order; a copy. Gradient: the cotangent, flipped back.
template <int... Axes, TensorLike A>
auto flip(const A& a) {
  constexpr rules::Axes which{Axes...};
  if constexpr (!rules::axes_in_range(A::extents, which))
    static_assert(axes_within<spell(A::extents), spell(which)>, "[flip] an axis is out of range");
  static_assert(rules::axes_distinct(A::extents, which), "[flip] an axis is given twice");
  using core::flip;
  return detail::like<A>(flip(a.raw(), rules::axes_mask(A::extents, which)));
}

/// `a` amid `value`s. `Pairs`: how many in front and behind, a pair for each axis in order; fewer pairs than axes are for the last axes:
/// `pad<1, 1>(a)` widens the last axis by 2. A named extent becomes `dyn`. Gradient: the cotangent without the border.
template <std::int64_t... Pairs, TensorLike A, Scalar V = int>
auto pad(const A& a, V value = 0) {
  static_assert(sizeof...(Pairs) % 2 == 0, "[pad] give two numbers an axis: how many in front, how many behind");
  static_assert(sizeof...(Pairs) <= 2 * A::extents.rank, "[pad] more pairs than axes");
  static_assert(((Pairs >= 0) && ...), "[pad] a number must not be negative: cut with slice");
  static_assert(detail::numbers_fit<A, V>, "[pad] a fraction does not mix with integers: cast with .to<float>()");
  static constexpr rules::Pads by = rules::pads<Pairs...>(A::extents);
  using core::pad;
  return detail::made<typename A::element, rules::pad(A::extents, by)>(pad(a.raw(), by.before, by.after, detail::raw<A>(value)));
}

/// `a` repeated `Times` along each axis, the last one for the last axis; more of them than axes make new ones in front, as in NumPy. A
/// named extent becomes `dyn`, unless it is taken once. Gradient: the cotangent, summed over the repetitions.
template <std::int64_t... Times, TensorLike A>
auto tile(const A& a) {
  static_assert(sizeof...(Times) <= max_rank, "[tile] at most 8 axes");
  static_assert(((Times >= 0) && ...), "[tile] a number must not be negative");
  using core::tile;
  return detail::made<typename A::element, rules::tile<Times...>(A::extents)>(tile(a.raw(), core::Sizes{Times...}));
}

/// Element `i` of axis `Axis`, without that axis; -1 is the last, of both. A view. Gradient: the cotangent, amid zeros. ShapeError when
/// `i` is outside the axis.
template <int Axis, TensorLike A>
auto at(const A& a, std::int64_t i) {
  MUSHIN_RULE_AXIS("at", A::extents, Axis);
  constexpr unsigned axis = rules::axis(A::extents, Axis);
  using core::at;
  return detail::made<typename A::element, rules::at(A::extents, axis)>(at(a.raw(), axis, i));
}

#undef MUSHIN_RULE_AXIS

}  // namespace mushin
