#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/normalize.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Of a value of element type float; `gain` and `bias` have the last sizes of `x`, which are normalised over together.
MUSHIN_API Array layer_norm(const Array& x, const Array& gain, const Array& bias, double eps);
struct NormGradients {
  Array x, gain, bias;
};
/// Given the cotangent `dy` of the result.
MUSHIN_API NormGradients layer_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps);

/// Of a value of element type float, as layer_norm without the mean and the bias.
MUSHIN_API Array rms_norm(const Array& x, const Array& gain, double eps);
/// `bias` stays empty.
MUSHIN_API NormGradients rms_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps);

/// Of each channel; float32 for f16 and bf16.
struct ChannelStatistics {
  Array mean, variance;
};
/// Of a value of element type float with channels along axis 1; `gain` and `bias` have that axis alone. `statistics` may be null.
MUSHIN_API Array batch_norm(const Array& x, const Array& gain, const Array& bias, double eps, ChannelStatistics* statistics = nullptr);
/// Given the cotangent `dy` of the result, and the statistics that came with it.
MUSHIN_API NormGradients batch_norm_backward(const Array& x, const Array& gain, const Array& dy, const ChannelStatistics&, double eps);
}  // namespace mushin::core

namespace mushin {

/// (x - mean) / sqrt(variance + eps) * gain + bias, with the mean and the variance (divided by n) over the last axes of `x`: those of
/// `gain` and `bias`, which have equal shapes. Shape of `x`. Float types, all the same; f16 and bf16 in float, rounded once. Gradient:
/// to all three. ShapeError where extents that only the run knows disagree. https://arxiv.org/abs/1607.06450
template <TensorLike X, TensorLike G, TensorLike B>
auto layer_norm(const X& x, const G& gain, const B& bias, double eps = 1e-5) {
  static_assert(float_elements<X>, "[layer_norm] needs a float element type: cast with .to<float>()");
  static_assert(same_element_type<X, G> && same_element_type<X, B>,
                "[layer_norm] all tensors must have the same element type: cast with .to<T>()");
  if constexpr (!rules::ends_with(X::extents, G::extents))
    static_assert(extents_end_with<spell(X::extents), spell(G::extents)>, "[layer_norm] the gain must have the last extents of x");
  if constexpr (!rules::ends_with(X::extents, B::extents) || B::extents.rank != G::extents.rank)
    static_assert(extents_end_with<spell(X::extents), spell(B::extents)>, "[layer_norm] the bias must have the extents of the gain");
  using core::layer_norm;
  return detail::made<typename X::element, X::extents>(layer_norm(x.raw(), gain.raw(), bias.raw(), eps));
}

/// x / sqrt(mean(x²) + eps) * gain, with the mean over the last axes of `x`: those of `gain`. Shape of `x`. Float types, both the same; f16
/// and bf16 in float, rounded once. Gradient: to both. ShapeError where extents that only the run knows disagree.
/// https://arxiv.org/abs/1910.07467
template <TensorLike X, TensorLike G>
auto rms_norm(const X& x, const G& gain, double eps = 1e-5) {
  static_assert(float_elements<X>, "[rms_norm] needs a float element type: cast with .to<float>()");
  static_assert(same_element_type<X, G>, "[rms_norm] all tensors must have the same element type: cast with .to<T>()");
  if constexpr (!rules::ends_with(X::extents, G::extents))
    static_assert(extents_end_with<spell(X::extents), spell(G::extents)>, "[rms_norm] the gain must have the last extents of x");
  using core::rms_norm;
  return detail::made<typename X::element, X::extents>(rms_norm(x.raw(), gain.raw(), eps));
}

/// (x - mean) / sqrt(variance + eps) * gain + bias of each channel, with the mean and the variance (divided by the number of values) over
/// all axes but that. `x`: (batch, channels, …); gain and bias: (channels). Shape of `x`. Float types, all the same; f16 and bf16 in float,
/// rounded once. Gradient: to all three, through the statistics. ShapeError where extents that only the run knows disagree.
/// https://arxiv.org/abs/1502.03167
template <TensorLike X, TensorLike G, TensorLike B>
auto batch_norm(const X& x, const G& gain, const B& bias, double eps = 1e-5) {
  static_assert(float_elements<X>, "[batch_norm] needs a float element type: cast with .to<float>()");
  static_assert(same_element_type<X, G> && same_element_type<X, B>,
                "[batch_norm] all tensors must have the same element type: cast with .to<T>()");
  if constexpr (!rules::one_for_each_channel(X::extents, G::extents))
    static_assert(extents_end_with<spell(X::extents), spell(G::extents)>, "[batch_norm] the gain must have the extent of axis 1 of x");
  if constexpr (!rules::one_for_each_channel(X::extents, B::extents))
    static_assert(extents_end_with<spell(X::extents), spell(B::extents)>, "[batch_norm] the bias must have the extent of axis 1 of x");
  using core::batch_norm;
  return detail::made<typename X::element, X::extents>(batch_norm(x.raw(), gain.raw(), bias.raw(), eps));
}

}  // namespace mushin
