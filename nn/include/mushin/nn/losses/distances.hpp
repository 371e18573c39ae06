#pragma once
#include "mushin/nn/losses/rules.hpp"

// Losses of rows: vectors along the last axis, of equal shapes.
namespace mushin::nn {

/// Options of triplet_margin_loss: how much farther than the positive the negative must be (`margin`).
struct TripletOptions {
  double margin = 1;
  double eps = 1e-6;  ///< added to each difference
  bool swap = false;  ///< the negative's distance is the lesser of those to the anchor and to the positive
};

namespace detail {
MUSHIN_API core::Array cosine_embedding(const core::Array& a, const core::Array& b, const core::Array& target, double margin, Reduction);
MUSHIN_API core::Traced cosine_embedding(const core::Traced& a, const core::Traced& b, const core::Array& target, double margin, Reduction);
MUSHIN_API core::Array triplet(const core::Array& anchor, const core::Array& positive, const core::Array& negative, TripletOptions,
                               Reduction);
MUSHIN_API core::Traced triplet(const core::Traced& anchor, const core::Traced& positive, const core::Traced& negative, TripletOptions,
                                Reduction);
}  // namespace detail

/// 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1. a, b: (…, size), of one float element type; target:
/// (…), int64 constants. Result: scalar; (…) under Reduction::none. Gradients: to a and b. ShapeError for another target (all are looked
/// at: the call waits for them), when named sizes differ, and for the mean of no rows.
template <Reduction R = Reduction::mean, TensorLike A, TensorLike B, TensorLike Y>
auto cosine_embedding(const A& a, const B& b, const Y& target, double margin = 0) {
  MUSHIN_NN_RULE_PAIR("cosine_embedding", A, B, a, b);
  static_assert(index_elements<Y> && Constant<Y>, "[cosine_embedding] targets must be int64 constants: Tensor<std::int64_t, batch>");
  constexpr Shape rows = detail::without_last(A::extents);
  if constexpr (A::extents.rank == 0 || !detail::may_be_same(rows, Y::extents))
    static_assert(one_label_for_each_row<spell(A::extents), spell(Y::extents)>,
                  "[cosine_embedding] vectors (…, size) need targets (…): one for each row");
  else
    detail::check_pair("cosine_embedding", a, target, rows.rank);
  using Raw = detail::either<A, B>;
  if constexpr (index_elements<Y> && Constant<Y>)
    return detail::reduced<R, typename A::element, rows>(detail::cosine_embedding(Raw(a.raw()), Raw(b.raw()), target.raw(), margin, R));
}

/// max(0, |anchor - positive| - |anchor - negative| + margin), with Euclidean distances. All (…, size), of one float element type.
/// Result: scalar; (…) under Reduction::none. Gradients: to all three. ShapeError when named sizes differ, and for the mean of no rows.
template <Reduction R = Reduction::mean, TensorLike A, TensorLike P, TensorLike N>
auto triplet(const A& anchor, const P& positive, const N& negative, TripletOptions options = {}) {
  MUSHIN_NN_RULE_PAIR("triplet", A, P, anchor, positive);
  MUSHIN_NN_RULE_PAIR("triplet", A, N, anchor, negative);
  static_assert(A::extents.rank > 0, "[triplet] a scalar is no vector");
  using Raw = mushin::detail::common_raw<A, P, N>;
  return detail::reduced<R, typename A::element, detail::without_last(A::extents)>(
      detail::triplet(Raw(anchor.raw()), Raw(positive.raw()), Raw(negative.raw()), options, R));
}

}  // namespace mushin::nn
