// Softmax and its relatives on one dense line of float32.
#pragma once
#include <cstdint>

namespace mushin::builtin {

/// `in1` only for the backward kinds. y may be in0 or in1.
using SoftmaxLine = void (*)(float* y, const float* in0, const float* in1, std::int64_t n);
/// By kind, MU_SOFTMAX to MU_SOFTMAX_LOG_BACKWARD.
SoftmaxLine softmax_line(std::uint32_t kind);

}  // namespace mushin::builtin
