#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
/// (…, m, k) x (…, k, n) -> (…, m, n); leading axes broadcast; a 1-D operand is a row (left) or a column (right) whose axis is
/// dropped. ShapeError when the inner sizes differ.
MUSHIN_API Array matmul(const Array&, const Array&);
}  // namespace mushin::core
