#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/diagonal.hpp"

// Gradients are the adjoint moves: onto the diagonal and off it, the same triangle of the cotangent.
namespace mushin::core {
MUSHIN_API Traced diagonal(const Traced&, std::int64_t offset);
MUSHIN_API Traced place_diagonal(const Traced&, std::int64_t rows, std::int64_t columns, std::int64_t offset);
MUSHIN_API Traced trace(const Traced&);
MUSHIN_API Traced tril(const Traced&, std::int64_t offset);
MUSHIN_API Traced triu(const Traced&, std::int64_t offset);
}  // namespace mushin::core
