#pragma once
#include <optional>

#include "mushin/nn/losses/rules.hpp"

namespace mushin::nn {

/// Options of nll_loss.
struct NllOptions {
  std::optional<std::int64_t> ignore_index{};  ///< rows with this label count nothing; by default every label must be a class
};
/// Options of cross_entropy.
struct CrossEntropyOptions {
  double label_smoothing = 0;                  ///< this share of each label is spread over all classes; in [0, 1]
  std::optional<std::int64_t> ignore_index{};  ///< as in NllOptions
};

namespace detail {
/// `weights`: null, or one for each class.
MUSHIN_API core::Array cross_entropy(const core::Array& logits, const core::Array& labels, const core::Array* weights, Reduction,
                                     CrossEntropyOptions);
MUSHIN_API core::Traced cross_entropy(const core::Traced& logits, const core::Array& labels, const core::Array* weights, Reduction,
                                      CrossEntropyOptions);
MUSHIN_API core::Array nll(const core::Array& logarithms, const core::Array& labels, const core::Array* weights, Reduction, NllOptions);
MUSHIN_API core::Traced nll(const core::Traced& logarithms, const core::Array& labels, const core::Array* weights, Reduction, NllOptions);
}  // namespace detail

#define MUSHIN_NN_RULE_LABELS(op, L, Y, logits, labels)                                                                    \
  static_assert(float_elements<L>, "[" op "] logits must have a float element type");                                      \
  static_assert(index_elements<Y> && Constant<Y>, "[" op "] labels must be int64 constants: Tensor<std::int64_t, batch>"); \
  constexpr Shape rows = detail::without_last(L::extents);                                                                 \
  if constexpr (L::extents.rank == 0 || !detail::may_be_same(rows, Y::extents))                                            \
    static_assert(one_label_for_each_row<spell(L::extents), spell(Y::extents)>,                                            \
                  "[" op "] logits (…, classes) need labels (…): one label for each row");                                 \
  else                                                                                                                     \
    detail::check_pair(op, logits, labels, rows.rank)

#define MUSHIN_NN_RULE_CLASS_WEIGHTS(op, L, W, logits, weights)                                                                         \
  static_assert(Constant<W> && same_element_type<L, W>,                                                                                 \
                "[" op "] the weights must be constants of the logits' element type: pass w.value(), or cast with .to<T>()");           \
  if constexpr (W::extents.rank != 1 || L::extents.rank == 0 || !may_equal(W::extents.from_end(0), L::extents.from_end(0)))             \
    static_assert(one_weight_for_each_class<spell(L::extents), spell(W::extents)>, "[" op "] there must be one weight for each class"); \
  else                                                                                                                                  \
    detail::check_same_sizes(op, {logits.shape()[L::extents.rank - 1]}, weights.shape(), 1)

/// Minus the logarithm of the probability that softmax(logits) gives to the right class, its mean over all rows (or the sum, or each).
/// logits: (…, classes), float; labels: (…), int64 constants in [0, classes). Result: scalar; (…) under Reduction::none.
/// ShapeError when a label is out of range, or named sizes differ, and for the mean of no rows, or none that isn't ignored. Labels on a
/// device with memory of its own aren't waited for: one that is out of range is told as an index of gather is, by the next read or
/// synchronize, and the mean of none is NaN; so it is inside a captured function. Error when label_smoothing isn't in [0, 1].
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y>
auto cross_entropy(const L& logits, const Y& labels, CrossEntropyOptions options = {}) {
  MUSHIN_NN_RULE_LABELS("cross_entropy", L, Y, logits, labels);
  using detail::cross_entropy;
  if constexpr (index_elements<Y> && Constant<Y>)
    return detail::reduced<R, typename L::element, rows>(cross_entropy(logits.raw(), labels.raw(), nullptr, R, options));
}
/// The same, with each row's loss times the weight of its class; the mean is divided by the sum of these weights. weights: (classes),
/// constants.
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y, TensorLike W>
auto cross_entropy(const L& logits, const Y& labels, const W& weights, CrossEntropyOptions options = {}) {
  MUSHIN_NN_RULE_LABELS("cross_entropy", L, Y, logits, labels);
  MUSHIN_NN_RULE_CLASS_WEIGHTS("cross_entropy", L, W, logits, weights);
  using detail::cross_entropy;
  if constexpr (index_elements<Y> && Constant<Y> && Constant<W>)
    return detail::reduced<R, typename L::element, rows>(cross_entropy(logits.raw(), labels.raw(), &weights.raw(), R, options));
}

/// cross_entropy of logarithms of probabilities, as log_softmax gives them: minus that of the right class.
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y>
auto nll(const L& logarithms, const Y& labels, NllOptions options = {}) {
  MUSHIN_NN_RULE_LABELS("nll", L, Y, logarithms, labels);
  if constexpr (index_elements<Y> && Constant<Y>)
    return detail::reduced<R, typename L::element, rows>(detail::nll(logarithms.raw(), labels.raw(), nullptr, R, options));
}
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y, TensorLike W>
auto nll(const L& logarithms, const Y& labels, const W& weights, NllOptions options = {}) {
  MUSHIN_NN_RULE_LABELS("nll", L, Y, logarithms, labels);
  MUSHIN_NN_RULE_CLASS_WEIGHTS("nll", L, W, logarithms, weights);
  if constexpr (index_elements<Y> && Constant<Y> && Constant<W>)
    return detail::reduced<R, typename L::element, rows>(detail::nll(logarithms.raw(), labels.raw(), &weights.raw(), R, options));
}

#undef MUSHIN_NN_RULE_LABELS
#undef MUSHIN_NN_RULE_CLASS_WEIGHTS

}  // namespace mushin::nn
