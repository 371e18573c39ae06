#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
MUSHIN_API Array softmax(const Array&, unsigned axis);
MUSHIN_API Array log_softmax(const Array&, unsigned axis);
/// Given y = softmax(x): y (dy - sum(y dy)).
MUSHIN_API Array softmax_backward(const Array& y, const Array& dy, unsigned axis);
/// Given y = log_softmax(x): dy - exp(y) sum(dy).
MUSHIN_API Array log_softmax_backward(const Array& y, const Array& dy, unsigned axis);
}  // namespace mushin::core
