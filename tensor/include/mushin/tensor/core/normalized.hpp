#pragma once
// Normalisation in other ops, written once for both algebras as in compositions.hpp: for devices without the op, and for gradients of
// gradients. Lines lie along the last of two axes; channels along the second of three.
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::compositions {

template <class H>
struct Standardized {
  H value, scale;  // scale: 1 / sqrt(variance + eps)
};
template <class H>
Standardized<H> standardized(const H& x, double eps) {
  const H d = sub(x, mean(x, 2u, true));
  const H scale = div(literal(1, x.type()), sqrt(add(mean(mul(d, d), 2u, true), literal(eps, x.type()))));
  return {mul(d, scale), scale};
}

template <class H>
H layer_norm(const H& x, const H& gain, const H& bias, double eps) {
  return add(mul(standardized(x, eps).value, gain), bias);
}

template <class H>
struct Gradients {
  H x, gain, bias;
};
template <class H>
Gradients<H> layer_norm_backward(const H& x, const H& gain, const H& dy, double eps) {
  const Standardized<H> s = standardized(x, eps);
  const H g = mul(dy, gain);
  const H centred = sub(sub(g, mean(g, 2u, true)), mul(s.value, mean(mul(g, s.value), 2u, true)));
  return {mul(centred, s.scale), sum(mul(dy, s.value), 1u, false), sum(dy, 1u, false)};
}

template <class H>
H rms_scale(const H& x, double eps) {
  return div(literal(1, x.type()), sqrt(add(mean(mul(x, x), 2u, true), literal(eps, x.type()))));
}
template <class H>
H rms_norm(const H& x, const H& gain, double eps) {
  return mul(mul(x, rms_scale(x, eps)), gain);
}
/// The gradient of the bias, which there is none of, is empty.
template <class H>
Gradients<H> rms_norm_backward(const H& x, const H& gain, const H& dy, double eps) {
  const H scale = rms_scale(x, eps), value = mul(x, scale), g = mul(dy, gain);
  return {mul(sub(g, mul(value, mean(mul(g, value), 2u, true))), scale), sum(mul(dy, value), 1u, false), H()};
}

inline constexpr unsigned but_channels = 5u;
template <class H>
struct StandardizedChannels {
  H value, scale, mean, variance;
};
template <class H>
StandardizedChannels<H> standardized_channels(const H& x, double eps) {
  const H middle = mean(x, but_channels, true), d = sub(x, middle), variance = mean(mul(d, d), but_channels, true);
  const H scale = div(literal(1, x.type()), sqrt(add(variance, literal(eps, x.type()))));
  return {mul(d, scale), scale, middle, variance};
}
template <class H>
H batch_norm(const StandardizedChannels<H>& s, const H& gain, const H& bias) {
  const Sizes line{1, gain.sizes().count(), 1};
  return add(mul(s.value, reshape(gain, line)), reshape(bias, line));
}
template <class H>
Gradients<H> batch_norm_backward(const H& x, const H& gain, const H& dy, double eps) {
  const StandardizedChannels<H> s = standardized_channels(x, eps);
  const H centred = sub(sub(dy, mean(dy, but_channels, true)), mul(s.value, mean(mul(dy, s.value), but_channels, true)));
  const H scale = mul(s.scale, reshape(gain, {1, gain.sizes().count(), 1}));
  return {mul(centred, scale), sum(mul(dy, s.value), but_channels, false), sum(dy, but_channels, false)};
}

}  // namespace mushin::core::compositions
