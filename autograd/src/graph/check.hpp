#pragma once
#include "mushin/autograd/core/graph.hpp"

namespace mushin::core {

struct GraphNode;
[[noreturn]] void fail_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given);
/// ShapeError `[op] rule: (2, 3) and (3, 3)` unless they are equal.
inline void check_same_sizes(const char* op, const char* rule, const Sizes& expected, const Sizes& given) {
  if (!(expected == given)) fail_sizes(op, rule, expected, given);
}
/// As that of core/graph.hpp; names the op that made the result, too, and where it was called.
void check_cotangent(const char* op, const Sizes& result, const Sizes& cotangent, const GraphNode* node);

}  // namespace mushin::core
