#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

struct GraphNode;
[[noreturn]] void fail_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given, const GraphNode* result);

/// ShapeError `[op] rule: (2, 3) and (3, 3)` unless they are equal; with `result` its op, too, and where it was called.
inline void check_same_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given,
                             const GraphNode* result = nullptr) {
  if (!(expected == given)) fail_sizes(op, rule, expected, given, result);
}

}  // namespace mushin::core
