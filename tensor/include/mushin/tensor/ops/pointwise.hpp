#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
// Operands have one element type (a `literal` is made in it); shapes broadcast, ShapeError where they don't.
// Comparisons and logical ops give b8. Values are pending until needed.
MUSHIN_API Array add(const Array&, const Array&);
MUSHIN_API Array sub(const Array&, const Array&);
MUSHIN_API Array mul(const Array&, const Array&);
MUSHIN_API Array div(const Array&, const Array&);
MUSHIN_API Array maximum(const Array&, const Array&);
MUSHIN_API Array minimum(const Array&, const Array&);
MUSHIN_API Array neg(const Array&);
MUSHIN_API Array abs(const Array&);
MUSHIN_API Array exp(const Array&);
MUSHIN_API Array log(const Array&);
MUSHIN_API Array tanh(const Array&);
MUSHIN_API Array erf(const Array&);
MUSHIN_API Array sqrt(const Array&);
MUSHIN_API Array sigmoid(const Array&);
MUSHIN_API Array relu(const Array&);
/// Where `x > 0` is `g`, else 0: the gradient of relu.
MUSHIN_API Array step(const Array& x, const Array& g);
/// a where condition (b8), else b.
MUSHIN_API Array where(const Array& condition, const Array& a, const Array& b);
MUSHIN_API Array cast(const Array&, dtype);
MUSHIN_API Array equal(const Array&, const Array&);
MUSHIN_API Array not_equal(const Array&, const Array&);
MUSHIN_API Array less(const Array&, const Array&);
MUSHIN_API Array less_equal(const Array&, const Array&);
MUSHIN_API Array greater(const Array&, const Array&);
MUSHIN_API Array greater_equal(const Array&, const Array&);
MUSHIN_API Array logical_and(const Array&, const Array&);
MUSHIN_API Array logical_or(const Array&, const Array&);
MUSHIN_API Array logical_not(const Array&);
}  // namespace mushin::core
