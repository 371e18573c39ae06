#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/normalize.hpp"

namespace mushin::core {
/// Gradient: in one pass over x and the cotangent where gradients of it aren't wanted in turn.
MUSHIN_API Traced layer_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps);
}  // namespace mushin::core
