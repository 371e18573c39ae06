#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/elementary.hpp"

// Each op's contract is that of its core op; the gradient is in the comment. g: the result's cotangent, y: the result.
namespace mushin::core {
MUSHIN_API Traced pow(const Traced& a, const Traced& b);     // g b a^(b-1), g y log(a): 0 where a is 0 and b >= 0
MUSHIN_API Traced pow(const Traced& base, double exponent);  // g exponent base^(exponent-1)
MUSHIN_API Traced log1p(const Traced&);                      // g / (1 + x)
MUSHIN_API Traced expm1(const Traced&);                      // g exp(x)
MUSHIN_API Traced rsqrt(const Traced&);                      // -g y^3 / 2
MUSHIN_API Traced sign(const Traced&);                       // 0
MUSHIN_API Traced sin(const Traced&);                        // g cos(x)
MUSHIN_API Traced cos(const Traced&);                        // -g sin(x)
MUSHIN_API Traced tan(const Traced&);                        // g (1 + y^2)
MUSHIN_API Traced asin(const Traced&);                       // g / sqrt(1 - x^2)
MUSHIN_API Traced acos(const Traced&);                       // -g / sqrt(1 - x^2)
MUSHIN_API Traced atan(const Traced&);                       // g / (1 + x^2)
MUSHIN_API Traced sinh(const Traced&);                       // g cosh(x)
MUSHIN_API Traced cosh(const Traced&);                       // g sinh(x)
MUSHIN_API Traced floor(const Traced&);                      // 0
MUSHIN_API Traced ceil(const Traced&);                       // 0
MUSHIN_API Traced round(const Traced&);                      // 0
/// g where low <= x <= high, else 0.
MUSHIN_API Traced clamp(const Traced&, const Array& low, const Array& high);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
MUSHIN_MAPPED_POINTWISE(pow)
MUSHIN_MAPPED_POINTWISE(log1p)
MUSHIN_MAPPED_POINTWISE(expm1)
MUSHIN_MAPPED_POINTWISE(rsqrt)
MUSHIN_MAPPED_POINTWISE(sign)
MUSHIN_MAPPED_POINTWISE(sin)
MUSHIN_MAPPED_POINTWISE(cos)
MUSHIN_MAPPED_POINTWISE(tan)
MUSHIN_MAPPED_POINTWISE(asin)
MUSHIN_MAPPED_POINTWISE(acos)
MUSHIN_MAPPED_POINTWISE(atan)
MUSHIN_MAPPED_POINTWISE(sinh)
MUSHIN_MAPPED_POINTWISE(cosh)
MUSHIN_MAPPED_POINTWISE(floor)
MUSHIN_MAPPED_POINTWISE(ceil)
MUSHIN_MAPPED_POINTWISE(round)
MUSHIN_MAPPED_POINTWISE(clamp)
MUSHIN_MAPPED_POINTWISE(isnan)
MUSHIN_MAPPED_POINTWISE(isfinite)
template <class H, class... M>
auto pow(const Mapped<H, M...>& base, double exponent) {
  return base.with(core::pow(base.whole(), exponent));
}
}  // namespace mushin::core::mapped
