#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/index.hpp"

namespace mushin::core {
/// Gradient: the cotangent added where each element came from.
MUSHIN_API Traced gather(const Traced&, unsigned axis, const Array& indices);
/// Gradient: the cotangent to `base`; to `updates` what of it stands where each was added.
MUSHIN_API Traced scatter_add(const Traced& base, unsigned axis, const Array& indices, const Traced& updates, bool deterministic = true);
/// Gradient: the cotangent, added to the rows taken.
MUSHIN_API Traced take(const Traced&, const Array& indices);
}  // namespace mushin::core
