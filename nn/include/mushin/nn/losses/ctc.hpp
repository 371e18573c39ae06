#pragma once
#include "mushin/nn/losses/rules.hpp"

namespace mushin::nn {

/// Options of ctc_loss.
struct CtcOptions {
  std::int64_t blank = 0;      ///< the class that stands for no label
  bool zero_infinity = false;  ///< a loss that is infinite, since no spelling fits the steps, counts as 0
};

// What a compile error shows below its sentence.
template <text Logarithms, text Labels, text Steps, text Lengths>
inline constexpr bool one_target_for_each_row = false;

namespace detail {
/// `labels` and so on: (batch, most) or (all), (batch), (batch).
MUSHIN_API core::Array ctc(const core::Array& logarithms, const core::Array& labels, const core::Array& steps, const core::Array& lengths,
                           Reduction, const CtcOptions&);
MUSHIN_API core::Traced ctc(const core::Traced& logarithms, const core::Array& labels, const core::Array& steps, const core::Array& lengths,
                            Reduction, const CtcOptions&);
}  // namespace detail

/// Connectionist temporal classification: minus the logarithm of the probability that the steps spell the labels, blanks and repeats left
/// out, where it isn't told at which step a label is. logarithms: (time, batch, classes), float, as log_softmax gives them; labels: (batch,
/// most), of which each row's first `lengths` count, or (all), those of one row behind those of the one before, as many as the lengths say
/// together; steps: (batch), how many of the row's steps count; all three int64 constants. Result:
/// the mean over the batch of loss / max(length, 1), as PyTorch has it, the sum of the losses, or each, (batch). A loss is infinite where
/// no spelling fits. Gradient: of the logarithms as they stand, minus the probability, given the labels, that the step is the class (0
/// where the loss is infinite). https://doi.org/10.1145/1143844.1143891 ShapeError where a label that counts is no class or the blank, a
/// length is above `most`, the lengths' sum is not that of the labels, or steps are above `time` (all are looked at: the call waits for
/// them); and for the mean of no rows. Not under vmap.
template <Reduction R = Reduction::mean, TensorLike L, TensorLike Y, TensorLike S, TensorLike N>
auto ctc(const L& logarithms, const Y& labels, const S& steps, const N& lengths, CtcOptions options = {}) {
  static_assert(float_elements<L>, "[ctc] logarithms must have a float element type");
  static_assert(index_elements<Y> && index_elements<S> && index_elements<N> && Constant<Y> && Constant<S> && Constant<N>,
                "[ctc] labels, steps and lengths must be int64 constants");
  static_assert(std::convertible_to<mushin::detail::raw_of<L>, core::Traced>, "[ctc] vmap does not map it: give it the whole batch");
  constexpr bool fits = [] {
    if (L::extents.rank != 3 || Y::extents.rank < 1 || Y::extents.rank > 2 || S::extents.rank != 1 || N::extents.rank != 1) return false;
    return (Y::extents.rank == 1 || may_equal(L::extents[1], Y::extents[0])) && may_equal(L::extents[1], S::extents[0]) &&
           may_equal(L::extents[1], N::extents[0]);
  }();
  if constexpr (!fits) {
    static_assert(one_target_for_each_row<spell(L::extents), spell(Y::extents), spell(S::extents), spell(N::extents)>,
                  "[ctc] logarithms (time, batch, classes) need labels (batch, most) or (all), steps (batch) and lengths (batch)");
  } else {
    using detail::ctc;
    constexpr Shape rows = S::extents;
    return detail::reduced<R, typename L::element, rows>(ctc(logarithms.raw(), labels.raw(), steps.raw(), lengths.raw(), R, options));
  }
}

}  // namespace mushin::nn
