#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/scan.hpp"

namespace mushin::core {
/// Gradient: cumsum of the cotangent in the other direction.
MUSHIN_API Traced cumsum(const Traced&, unsigned axis, bool reverse);
/// Gradient: the product of what lies before, times the sum over what follows of the cotangent times the products in between.
MUSHIN_API Traced cumprod(const Traced&, unsigned axis);
}  // namespace mushin::core
