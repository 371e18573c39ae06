#pragma once
#include "mushin/autograd.hpp"

// What losses share. Included by them.
namespace mushin::nn {

/// What elements' losses become: their `mean` (ShapeError for none), `sum`, or `none` is taken: `nn::mse<nn::Reduction::none>(p, y)`.
enum class Reduction : unsigned char { mean, sum, none };

// What a compile error shows below its sentence.
template <text Prediction, text Target>
inline constexpr bool shapes_are_equal = false;
template <text Logits, text Labels>
inline constexpr bool one_label_for_each_row = false;
template <text Logits, text Weights>
inline constexpr bool one_weight_for_each_class = false;
template <text Prediction, text Weights>
inline constexpr bool weights_broadcast = false;

namespace detail {

/// ShapeError unless the first `rank` sizes are equal.
MUSHIN_API void check_same_sizes(const char* op, const core::Sizes& a, const core::Sizes& b, unsigned rank);

/// Error where the mean is divided by something else than how many losses there are, which vmap has no form of.
MUSHIN_API void check_mapped_mean(const char* op, Reduction, bool weighted);

/// Every axis of `a` has one in `b` at the same place that may be as long.
constexpr bool may_be_same(Shape a, Shape b) {
  bool same = a.rank == b.rank;
  for (unsigned i = 0; same && i < a.rank; ++i) same = may_equal(a[i], b[i]);
  return same;
}
constexpr bool all_static(Shape s) {
  for (unsigned i = 0; i < s.rank; ++i)
    if (!s[i].is_static()) return false;
  return true;
}
constexpr Shape without_last(Shape s) {
  if (s.rank > 0) --s.rank;
  s.at[s.rank] = {};
  return s;
}

/// ShapeError where sizes that only the run knows differ.
template <class A, class B>
void check_pair(const char* op, const A& a, const B& b, unsigned rank) {
  if constexpr (!all_static(A::extents) || !all_static(B::extents)) check_same_sizes(op, a.shape(), b.shape(), rank);
}

/// A loss over elements of shape `Each`, as a typed value.
template <Reduction R, class T, auto Each, class Raw>
auto reduced(Raw raw) {
  return typed < Raw, T, R == Reduction::none ? Each : Shape{} > {std::move(raw)};
}

/// Both handles as one algebra.
template <class P, class Y>
using either = mushin::detail::common_raw<P, Y>;

}  // namespace detail
}  // namespace mushin::nn

// The rule of losses of two equal shapes. A macro, since the sentence of a static_assert is a literal and begins with the op's name.
#define MUSHIN_NN_RULE_PAIR(op, P, Y, prediction, target)                                                                             \
  static_assert(float_elements<P> && same_element_type<P, Y>,                                                                         \
                "[" op "] prediction and target must have the same float element type: cast with .to<T>()");                          \
  if constexpr (!detail::may_be_same(P::extents, Y::extents))                                                                         \
    static_assert(shapes_are_equal<spell(P::extents), spell(Y::extents)>, "[" op "] prediction and target must have the same shape"); \
  else                                                                                                                                \
    detail::check_pair(op, prediction, target, P::extents.rank)
