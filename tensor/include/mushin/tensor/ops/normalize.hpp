#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/normalize.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Of a value of element type float; `gain` and `bias` have the last sizes of `x`, which are normalised over together.
MUSHIN_API Array layer_norm(const Array& x, const Array& gain, const Array& bias, double eps);
struct LayerNormGradients {
  Array x, gain, bias;
};
/// Given the cotangent `dy` of the result.
MUSHIN_API LayerNormGradients layer_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps);
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

}  // namespace mushin
