#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/shape.hpp"

// Gradients are the adjoint moves: reshape back, the inverse permutation, sum_to for broadcast_to, place for slice.
namespace mushin::core {
MUSHIN_API Traced reshape(const Traced&, const Sizes& to);
MUSHIN_API Traced permute(const Traced&, const unsigned* order);
MUSHIN_API Traced transpose(const Traced&);
MUSHIN_API Traced broadcast_to(const Traced&, const Sizes& to);
MUSHIN_API Traced sum_to(const Traced&, const Sizes& to);
MUSHIN_API Traced slice(const Traced&, unsigned axis, std::int64_t begin, std::int64_t end);
MUSHIN_API Traced place(const Traced&, unsigned axis, std::int64_t begin, std::int64_t size);
}  // namespace mushin::core
