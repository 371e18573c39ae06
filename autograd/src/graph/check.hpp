#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// ShapeError `[op] rule: (2, 3) and (3, 3)` unless they are equal.
void check_same_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given);

}  // namespace mushin::core
