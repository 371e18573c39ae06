#pragma once
// Normalisation in other ops, written once for both algebras as in compositions.hpp: for devices without the op, and for gradients of
// gradients. Lines lie along the last of two axes.
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

}  // namespace mushin::core::compositions
