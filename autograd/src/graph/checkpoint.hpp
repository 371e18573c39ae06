#pragma once
#include <cstdint>

#include "mushin/autograd/core/function.hpp"

namespace mushin::core {

/// Gradients of sum(cotangent * z) with respect to the operands, through the nodes of the region alone. GraphError when z was made from
/// anything else that isn't of the region.
void pull_region(const Traced& z, std::uint32_t region, const FunctionPull&, unsigned count);

}  // namespace mushin::core
