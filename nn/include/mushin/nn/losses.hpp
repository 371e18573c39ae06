#pragma once
#include "mushin/autograd.hpp"

namespace mushin::nn {

/// What becomes of the losses of single elements: `nn::mse<nn::Reduction::none>(p, y)`.
enum class Reduction : unsigned char { mean, sum, none };

// What a compile error shows below its sentence.
template <text Prediction, text Target>
inline constexpr bool shapes_are_equal = false;
template <text Logits, text Labels>
inline constexpr bool one_label_for_each_row = false;

namespace detail {

MUSHIN_API core::Array mse(const core::Array& prediction, const core::Array& target, Reduction);
MUSHIN_API core::Traced mse(const core::Traced& prediction, const core::Traced& target, Reduction);
MUSHIN_API core::Array cross_entropy(const core::Array& logits, const core::Array& labels, Reduction);
MUSHIN_API core::Traced cross_entropy(const core::Traced& logits, const core::Array& labels, Reduction);
/// ShapeError unless the first `rank` sizes are equal.
MUSHIN_API void check_same_sizes(const char* op, const core::Sizes& a, const core::Sizes& b, unsigned rank);

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

/// A loss over elements of shape `Each`, as a typed value.
template <Reduction R, class T, auto Each, class Raw>
auto reduced(Raw raw) {
  return typed < Raw, T, R == Reduction::none ? Each : Shape{} > {std::move(raw)};
}

}  // namespace detail

/// Mean squared error: (prediction - target)², its mean over all elements (or the sum, or each). Both of one shape and float element type;
/// nothing broadcasts. Result: scalar; the common shape under Reduction::none. ShapeError when named sizes differ.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto mse(const P& prediction, const Y& target) {
  static_assert(float_elements<P> && same_element_type<P, Y>, "[mse] prediction and target must have the same float element type");
  if constexpr (!detail::may_be_same(P::extents, Y::extents))
    static_assert(shapes_are_equal<spell(P::extents), spell(Y::extents)>, "[mse] prediction and target must have the same shape");
  else if constexpr (!detail::all_static(P::extents) || !detail::all_static(Y::extents))
    detail::check_same_sizes("mse", prediction.shape(), target.shape(), P::extents.rank);
  return detail::reduced<R, typename P::element, P::extents>(detail::mse(prediction.raw(), target.raw(), R));
}

/// Minus the logarithm of the probability that softmax(logits) gives to the right class, its mean over all rows (or the sum, or each).
/// logits: (…, classes), float; labels: (…), int64 constants in [0, classes). Result: scalar; (…) under Reduction::none.
/// ShapeError when a label is out of range (all are looked at: the call waits for them), or named sizes differ.
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y>
auto cross_entropy(const L& logits, const Y& labels) {
  static_assert(float_elements<L>, "[cross_entropy] logits must have a float element type");
  static_assert(index_elements<Y> && Constant<Y>, "[cross_entropy] labels must be int64 constants: Tensor<std::int64_t, batch>");
  constexpr Shape rows = detail::without_last(L::extents);
  if constexpr (L::extents.rank == 0 || !detail::may_be_same(rows, Y::extents))
    static_assert(one_label_for_each_row<spell(L::extents), spell(Y::extents)>,
                  "[cross_entropy] logits (…, classes) need labels (…): one label for each row");
  else if constexpr (!detail::all_static(rows) || !detail::all_static(Y::extents))
    detail::check_same_sizes("cross_entropy", logits.shape(), labels.shape(), rows.rank);
  if constexpr (index_elements<Y> && Constant<Y>)
    return detail::reduced<R, typename L::element, rows>(detail::cross_entropy(logits.raw(), labels.raw(), R));
}

}  // namespace mushin::nn
