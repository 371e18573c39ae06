#pragma once
#include "mushin/nn/losses/rules.hpp"

// Losses of each element of a prediction and a target of one shape and float element type: nothing broadcasts. Result: scalar; the common
// shape under Reduction::none. Gradients: to both, unless said otherwise. ShapeError when sizes that only the run knows differ, and for
// the mean of no elements. Those that look at values wait for them; while capturing, nothing is looked at.
namespace mushin::nn {

/// kl_div's target is the logarithm of probabilities: `nn::kl_div(p, y, nn::log_target)`.
struct LogTarget {};
inline constexpr LogTarget log_target;

namespace detail {
/// One function for all, so that a loss is an enumerator, a row and a typed line. `parameter`: what the loss has of its own.
enum class ElementLoss : unsigned char { mse, l1, smooth_l1, huber, bce, kl_div, log_kl_div, hinge, hinge_embedding };
MUSHIN_API core::Array element_loss(ElementLoss, const core::Array& prediction, const core::Array& target, Reduction, double parameter = 0);
MUSHIN_API core::Traced element_loss(ElementLoss, const core::Traced& prediction, const core::Traced& target, Reduction,
                                     double parameter = 0);
/// `weight`: null, or of the loss of positive examples.
MUSHIN_API core::Array bce_with_logits(const core::Array& x, const core::Array& target, const core::Array* weight, Reduction);
MUSHIN_API core::Traced bce_with_logits(const core::Traced& x, const core::Traced& target, const core::Array* weight, Reduction);

template <ElementLoss Which, Reduction R, class P, class Y>
auto of_elements(const P& prediction, const Y& target, double parameter = 0) {
  return reduced<R, typename P::element, P::extents>(element_loss(Which, prediction.raw(), target.raw(), R, parameter));
}
}  // namespace detail

/// Mean squared error: (prediction - target)², its mean over all elements (or the sum, or each).
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto mse(const P& prediction, const Y& target) {
  MUSHIN_NN_RULE_PAIR("mse", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::mse, R>(prediction, target);
}

/// Absolute error: |prediction - target|. Its gradient is 0 where both are equal.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto l1(const P& prediction, const Y& target) {
  MUSHIN_NN_RULE_PAIR("l1", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::l1, R>(prediction, target);
}

/// With d = |prediction - target|: d² / (2 beta) where d < beta, else d - beta / 2. Error when beta is negative; 0 is l1.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto smooth_l1(const P& prediction, const Y& target, double beta = 1) {
  MUSHIN_NN_RULE_PAIR("smooth_l1", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::smooth_l1, R>(prediction, target, beta);
}

/// With d = |prediction - target|: d² / 2 where d <= delta, else delta (d - delta / 2). Error unless delta is positive.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto huber(const P& prediction, const Y& target, double delta = 1) {
  MUSHIN_NN_RULE_PAIR("huber", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::huber, R>(prediction, target, delta);
}

/// Binary cross entropy of probabilities: -(target log(p) + (1 - target) log(1 - p)), logarithms at least -100. Gradient to p:
/// (p - target) / max(p (1 - p), 1e-12). ShapeError where a probability or a target isn't in [0, 1], or is NaN.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto bce(const P& prediction, const Y& target) {
  MUSHIN_NN_RULE_PAIR("bce", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::bce, R>(prediction, target);
}

/// bce of sigmoid(logits), without its loss of digits. ShapeError where a target isn't in [0, 1], or is NaN.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto bce_with_logits(const P& logits, const Y& target) {
  MUSHIN_NN_RULE_PAIR("bce_with_logits", P, Y, logits, target);
  using Raw = detail::either<P, Y>;
  return detail::reduced<R, typename P::element, P::extents>(detail::bce_with_logits(Raw(logits.raw()), Raw(target.raw()), nullptr, R));
}

/// The same, with the loss of positive examples times `positive_weight`: a constant that broadcasts to the logits, as one of shape
/// (classes).
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y, TensorLike W>
auto bce_with_logits(const P& logits, const Y& target, const W& positive_weight) {
  MUSHIN_NN_RULE_PAIR("bce_with_logits", P, Y, logits, target);
  static_assert(Constant<W> && same_element_type<P, W>,
                "[bce_with_logits] the weights must be constants of the logits' element type: pass w.value(), or cast with .to<T>()");
  if constexpr (!rules::broadcasts_to(W::extents, P::extents))
    static_assert(weights_broadcast<spell(P::extents), spell(W::extents)>, "[bce_with_logits] the weights must broadcast to the logits");
  using Raw = detail::either<P, Y>;
  const core::Array weight = mushin::detail::constant(positive_weight.raw());
  return detail::reduced<R, typename P::element, P::extents>(detail::bce_with_logits(Raw(logits.raw()), Raw(target.raw()), &weight, R));
}

/// Kullback-Leibler divergence: target (log(target) - prediction), 0 where the target is 0; `prediction` is the logarithm of
/// probabilities. The mean is that over all elements: for the mean over the batch, divide the sum by its size. ShapeError where a target
/// is negative or NaN.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto kl_div(const P& prediction, const Y& target) {
  MUSHIN_NN_RULE_PAIR("kl_div", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::kl_div, R>(prediction, target);
}
/// The same for a target of logarithms: e^target (target - prediction).
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto kl_div(const P& prediction, const Y& target, LogTarget) {
  MUSHIN_NN_RULE_PAIR("kl_div", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::log_kl_div, R>(prediction, target);
}

/// max(0, margin - target * prediction), with targets 1 and -1. ShapeError for another target.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto hinge(const P& prediction, const Y& target, double margin = 1) {
  MUSHIN_NN_RULE_PAIR("hinge", P, Y, prediction, target);
  return detail::of_elements<detail::ElementLoss::hinge, R>(prediction, target, margin);
}

/// A distance itself where the target is 1, max(0, margin - distance) where it is -1. ShapeError for another target. No gradient to
/// the target.
template <Reduction R = Reduction::mean, TensorLike P, TensorLike Y>
auto hinge_embedding(const P& distance, const Y& target, double margin = 1) {
  MUSHIN_NN_RULE_PAIR("hinge_embedding", P, Y, distance, target);
  return detail::of_elements<detail::ElementLoss::hinge_embedding, R>(distance, target, margin);
}

}  // namespace mushin::nn
