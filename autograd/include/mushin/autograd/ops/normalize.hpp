#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/normalize.hpp"

namespace mushin::core {
/// Gradient: in one pass over x and the cotangent where gradients of it aren't wanted in turn.
MUSHIN_API Traced layer_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps);
MUSHIN_API Traced rms_norm(const Traced& x, const Traced& gain, double eps);
/// Gradient: also through the statistics, which are constants in `statistics`.
MUSHIN_API Traced batch_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps, ChannelStatistics* statistics = nullptr);
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

/// The gain applied behind it, where it is one for each: in float.
MUSHIN_API Array rms_norm_each(const Array& x, const Array& gain, double eps, unsigned axes);
MUSHIN_API Traced rms_norm_each(const Traced& x, const Traced& gain, double eps, unsigned axes);

template <class X, class G>
auto rms_norm(const X& x, const G& gain, double eps) {
  using H = common<X, G>;
  if constexpr (!is_mapped<G>) {
    return x.with(core::rms_norm(H(x.whole()), H(gain), eps));
  } else {
    using To = all_maps<X, G>;
    return result<X, G>(rms_norm_each(H(lifted<To>(x, x.rank())), H(broadcastable<To>(gain, x.rank())), eps, gain.rank()));
  }
}

/// With as many channels as there are of all, the `maps` first axes of each operand becoming part of theirs.
MUSHIN_API Array batch_norm_each(const Array& x, const Array& gain, const Array& bias, double eps, unsigned maps);
MUSHIN_API Traced batch_norm_each(const Traced& x, const Traced& gain, const Traced& bias, double eps, unsigned maps);

template <class X, class G, class B>
auto batch_norm(const X& x, const G& gain, const B& bias, double eps) {
  using H = common<X, G, B>;
  using To = all_maps<X, G, B>;
  const auto [whole, scale, shift] = spread_operands<To>(x, gain, bias);
  return result<X, G, B>(batch_norm_each(H(whole), H(scale), H(shift), eps, To::count));
}
}  // namespace mushin::core::mapped
