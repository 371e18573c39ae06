#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

// Each op's contract is that of its core op; the gradient is in the comment. g: the result's cotangent, y: the result.
// Gradients are summed to their operand's shape.
namespace mushin::core {
MUSHIN_API Traced add(const Traced& a, const Traced& b);      // g, g
MUSHIN_API Traced sub(const Traced& a, const Traced& b);      // g, -g
MUSHIN_API Traced mul(const Traced& a, const Traced& b);      // g b, g a
MUSHIN_API Traced div(const Traced& a, const Traced& b);      // g / b, -(g / b) y
MUSHIN_API Traced maximum(const Traced& a, const Traced& b);  // to the greater; half to each of equals
MUSHIN_API Traced minimum(const Traced& a, const Traced& b);  // to the lesser; half to each of equals
MUSHIN_API Traced neg(const Traced&);                         // -g
MUSHIN_API Traced abs(const Traced&);                         // g sign(x): 0 at 0
MUSHIN_API Traced exp(const Traced&);                         // g y
MUSHIN_API Traced log(const Traced&);                         // g / x
MUSHIN_API Traced tanh(const Traced&);                        // g (1 - y^2)
MUSHIN_API Traced erf(const Traced&);                         // g 2 / sqrt(pi) exp(-x^2)
MUSHIN_API Traced sqrt(const Traced&);                        // g / (2 y)
MUSHIN_API Traced sigmoid(const Traced&);                     // g y (1 - y)
MUSHIN_API Traced relu(const Traced&);                        // g where y > 0: 0 at 0
/// Where x > 0 is g, else 0. Gradient: to g alone.
MUSHIN_API Traced step(const Traced& x, const Traced& g);
/// The cotangent goes where the value came from.
MUSHIN_API Traced where(const Array& condition, const Traced& a, const Traced& b);
/// Gradient: cast back. A cast to a type that isn't a float is a constant.
MUSHIN_API Traced cast(const Traced&, mushin::dtype);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
MUSHIN_MAPPED_POINTWISE(add)
MUSHIN_MAPPED_POINTWISE(sub)
MUSHIN_MAPPED_POINTWISE(mul)
MUSHIN_MAPPED_POINTWISE(div)
MUSHIN_MAPPED_POINTWISE(floor_divide)
MUSHIN_MAPPED_POINTWISE(remainder)
MUSHIN_MAPPED_POINTWISE(maximum)
MUSHIN_MAPPED_POINTWISE(minimum)
MUSHIN_MAPPED_POINTWISE(neg)
MUSHIN_MAPPED_POINTWISE(abs)
MUSHIN_MAPPED_POINTWISE(exp)
MUSHIN_MAPPED_POINTWISE(log)
MUSHIN_MAPPED_POINTWISE(tanh)
MUSHIN_MAPPED_POINTWISE(erf)
MUSHIN_MAPPED_POINTWISE(sqrt)
MUSHIN_MAPPED_POINTWISE(sigmoid)
MUSHIN_MAPPED_POINTWISE(relu)
MUSHIN_MAPPED_POINTWISE(where)
MUSHIN_MAPPED_POINTWISE(equal)
MUSHIN_MAPPED_POINTWISE(not_equal)
MUSHIN_MAPPED_POINTWISE(less)
MUSHIN_MAPPED_POINTWISE(less_equal)
MUSHIN_MAPPED_POINTWISE(greater)
MUSHIN_MAPPED_POINTWISE(greater_equal)
MUSHIN_MAPPED_POINTWISE(logical_and)
MUSHIN_MAPPED_POINTWISE(logical_or)
MUSHIN_MAPPED_POINTWISE(logical_not)
template <class A>
auto cast(const A& a, mushin::dtype to) {
  return a.with(core::cast(a.whole(), to));
}
}  // namespace mushin::core::mapped
