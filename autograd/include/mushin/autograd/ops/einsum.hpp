#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/einsum.hpp"

namespace mushin::core {
/// Made of differentiable ops.
MUSHIN_API Traced einsum(const Traced* operands, const rules::Subscripts& s);
}  // namespace mushin::core
