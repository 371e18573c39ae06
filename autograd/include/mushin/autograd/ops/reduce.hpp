#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core {
// `axes`: bit i is axis i.
/// Gradient: the cotangent, spread over the reduced axes.
MUSHIN_API Traced sum(const Traced&, unsigned axes, bool keep);
/// Gradient: the cotangent times the product of the other elements.
MUSHIN_API Traced prod(const Traced&, unsigned axes, bool keep);
/// Gradient: the cotangent over the number of reduced elements, spread.
MUSHIN_API Traced mean(const Traced&, unsigned axes, bool keep);
/// Gradient: shared equally by the elements that are the maximum.
MUSHIN_API Traced max(const Traced&, unsigned axes, bool keep);
/// Gradient: shared equally by the elements that are the minimum.
MUSHIN_API Traced min(const Traced&, unsigned axes, bool keep);
}  // namespace mushin::core
