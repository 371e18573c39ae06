#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/ctc.hpp"

namespace mushin::core {
/// Gradient: in one op, where gradients of it aren't wanted in turn; 0 where the loss is infinite. Not under vmap: the batch is mapped.
MUSHIN_API Traced ctc(const Traced& logs, const CtcTargets&);
}  // namespace mushin::core
