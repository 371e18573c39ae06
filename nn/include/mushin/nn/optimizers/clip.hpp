#pragma once
#include "mushin/nn/module.hpp"

namespace mushin::nn {

/// Scales the gradients of all parameters together, so that their Euclidean norm is at most `max_norm`: times max_norm / (norm + 1e-6)
/// where that is less than 1. Returns the norm before; nothing waits unless it is read. Infinite or NaN gradients make all of them NaN, and
/// the norm says so. Error unless max_norm is positive.
MUSHIN_API Tensor<float> clip_grad_norm(const Parameters&, double max_norm);

/// Each gradient within [-limit, limit]. Error unless the limit is positive.
MUSHIN_API void clip_grad_value(const Parameters&, double limit);

}  // namespace mushin::nn
