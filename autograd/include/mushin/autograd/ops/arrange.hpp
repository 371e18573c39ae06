#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/arrange.hpp"

// Gradients are the adjoint moves: parts of the cotangent, or the sum over repetitions.
namespace mushin::core {
MUSHIN_API Traced concat(const Traced* parts, unsigned count, unsigned axis, const char* op = "concat");
MUSHIN_API Traced stack(const Traced* parts, unsigned count, unsigned axis);
MUSHIN_API Traced flip(const Traced&, unsigned axes);
MUSHIN_API Traced pad(const Traced& a, const std::int64_t* before, const std::int64_t* after, const Array& value);
MUSHIN_API Traced tile(const Traced&, const Sizes& times);
MUSHIN_API Traced at(const Traced&, unsigned axis, std::int64_t i);
}  // namespace mushin::core
