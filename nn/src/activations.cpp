#include "mushin/nn/activations.hpp"

#include <algorithm>

#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"

// Compositions, so that each is one pass with what stands around it, and gradients of any order come by themselves. Where a branch of
// `where` could overflow, the other branch's elements are kept from it: an infinity times the gradient 0 would be NaN.
namespace mushin::nn::detail {
namespace {

core::Array number(const auto& x, double value) { return core::literal(value, x.type()); }
const core::Array& value(const core::Array& x) { return x; }
const core::Array& value(const core::Traced& x) { return x.value(); }
core::Array above(const auto& x, double bound) { return core::greater(value(x), number(x, bound)); }

template <class Raw>
Raw leaky(const Raw& x, double slope) {
  return where(above(x, 0), x, mul(x, number(x, slope)));
}

template <class Raw>
Raw exponential(const Raw& x, double alpha, double scale) {
  const core::Array positive = above(x, 0);
  const Raw low = mul(expm1(Raw(where(positive, Raw(number(x, 0)), x))), number(x, alpha * scale));
  return where(positive, scale == 1 ? x : Raw(mul(x, number(x, scale))), low);
}

template <class Raw>
Raw gelu_of(const Raw& x, GeluForm form) {
  constexpr double sqrt_half = 0.70710678118654752440, sqrt_two_over_pi = 0.79788456080286535588;
  const Raw half = mul(x, number(x, 0.5));
  if (form == GeluForm::exact) return mul(half, add(erf(Raw(mul(x, number(x, sqrt_half)))), number(x, 1)));
  const Raw cube = mul(mul(x, x), x);
  const Raw inner = mul(add(x, mul(cube, number(x, 0.044715))), number(x, sqrt_two_over_pi));
  return mul(half, add(tanh(inner), number(x, 1)));
}

template <class Raw>
Raw softplus_of(const Raw& x, double beta, double threshold) {
  const Raw scaled = beta == 1 ? x : Raw(mul(x, number(x, beta)));
  // Beyond 10, e^x may be more than f16 has, and its logarithm rounds to x.
  const core::Array high = above(scaled, x.type() == dtype::f16 ? std::min(threshold, 10.0) : threshold);
  const Raw low = log1p(Raw(exp(Raw(where(high, Raw(number(x, 0)), scaled)))));
  return where(high, x, beta == 1 ? low : Raw(div(low, number(x, beta))));
}

template <class Raw>
Raw hard(const Raw& x) {
  const Raw gate = clamp(Raw(add(x, number(x, 3))), number(x, 0), number(x, 6));
  return div(mul(x, gate), number(x, 6));
}

template <class Raw>
Raw gated(const Raw& x, unsigned axis) {
  const std::int64_t half = x.sizes()[axis] / 2;
  return mul(slice(x, axis, 0, half), sigmoid(slice(x, axis, half, 2 * half)));
}

template <class Raw>
Raw mish_of(const Raw& x) {
  return mul(x, tanh(softplus_of<Raw>(x, 1, 20)));
}

}  // namespace

core::Array leaky_relu(const core::Array& x, double slope) { return leaky(x, slope); }
core::Traced leaky_relu(const core::Traced& x, double slope) { return leaky(x, slope); }
core::Array elu(const core::Array& x, double alpha, double scale) { return exponential(x, alpha, scale); }
core::Traced elu(const core::Traced& x, double alpha, double scale) { return exponential(x, alpha, scale); }
core::Array gelu(const core::Array& x, GeluForm form) { return gelu_of(x, form); }
core::Traced gelu(const core::Traced& x, GeluForm form) { return gelu_of(x, form); }
core::Array silu(const core::Array& x) { return mul(x, sigmoid(x)); }
core::Traced silu(const core::Traced& x) { return mul(x, sigmoid(x)); }
core::Array softplus(const core::Array& x, double beta, double threshold) { return softplus_of(x, beta, threshold); }
core::Traced softplus(const core::Traced& x, double beta, double threshold) { return softplus_of(x, beta, threshold); }
core::Array hardswish(const core::Array& x) { return hard(x); }
core::Traced hardswish(const core::Traced& x) { return hard(x); }
core::Array mish(const core::Array& x) { return mish_of(x); }
core::Traced mish(const core::Traced& x) { return mish_of(x); }
core::Array glu(const core::Array& x, unsigned axis) { return gated(x, axis); }
core::Traced glu(const core::Traced& x, unsigned axis) { return gated(x, axis); }

}  // namespace mushin::nn::detail
