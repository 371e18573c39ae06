#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/matmul.hpp"

namespace mushin::core {
/// Gradient: dA = dC B^T, dB = A^T dC, each summed over the batch axes that were broadcast.
MUSHIN_API Traced matmul(const Traced&, const Traced&);
}  // namespace mushin::core
