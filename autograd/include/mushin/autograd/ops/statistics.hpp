#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/statistics.hpp"

// g: the result's cotangent, y: the result, n: how many elements were reduced.
namespace mushin::core {
MUSHIN_API Traced var(const Traced&, unsigned axes, bool keep, double correction);  // g 2 (x - mean) / (n - correction)
MUSHIN_API Traced std(const Traced&, unsigned axes, bool keep, double correction);  // g (x - mean) / (y (n - correction)): 0 where y is 0
MUSHIN_API Traced logsumexp(const Traced&, unsigned axes, bool keep);               // g e^(x - y): 0 where y is -inf
MUSHIN_API Traced norm(const Traced&, unsigned axes, bool keep);                    // g x / y: 0 where y is 0
}  // namespace mushin::core
