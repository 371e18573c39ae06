#pragma once
#include "mushin/nn/module.hpp"

namespace mushin::nn::detail {
/// Uniform in [-bound, bound), from the default generator.
MUSHIN_API core::Array uniform(const core::Sizes&, dtype, double bound);
/// PyTorch's bound for weight and bias of a layer with that many inputs: Kaiming uniform with a = sqrt(5).
MUSHIN_API double kaiming_bound(std::int64_t inputs);
}  // namespace mushin::nn::detail
