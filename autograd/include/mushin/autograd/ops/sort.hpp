#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/sort.hpp"

namespace mushin::core {
/// Gradient: each cotangent to where its element came from.
MUSHIN_API Traced sort(const Traced&, unsigned axis, bool descending);
/// Gradient of the values: the same.
MUSHIN_API SortedOf<Traced> topk(const Traced&, unsigned axis, std::int64_t k);
}  // namespace mushin::core
