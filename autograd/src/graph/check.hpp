#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

struct GraphNode;

/// ShapeError `[op] rule: (2, 3) and (3, 3)` unless they are equal; with `result` its op, too, and where it was called.
void check_same_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given, const GraphNode* result = nullptr);

}  // namespace mushin::core
