#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/normalize.hpp"

namespace mushin::core {
/// Gradient: in one pass over x and the cotangent where gradients of it aren't wanted in turn.
MUSHIN_API Traced layer_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
/// Computed by `layer_norm` where gain and bias are one for all; where not, these are applied behind it, in float.
MUSHIN_API Array layer_norm_each(const Array& x, const Array& gain, const Array& bias, double eps, unsigned axes);
MUSHIN_API Traced layer_norm_each(const Traced& x, const Traced& gain, const Traced& bias, double eps, unsigned axes);

template <class X, class G, class B>
auto layer_norm(const X& x, const G& gain, const B& bias, double eps) {
  using H = common<X, G, B>;
  if constexpr (!is_mapped<G> && !is_mapped<B>) {
    return x.with(core::layer_norm(H(x.whole()), H(gain), H(bias), eps));
  } else {
    using To = all_maps<X, G, B>;
    return result<X, G, B>(layer_norm_each(H(lifted<To>(x, x.rank())), H(broadcastable<To>(gain, x.rank())),
                                           H(broadcastable<To>(bias, x.rank())), eps, gain.rank()));
  }
}
}  // namespace mushin::core::mapped
