// How an op's recording overload hands its result to the graph.
#pragma once
#include "graph/node.hpp"

namespace mushin::core {

/// Numbers a rule needs besides values: an axis, a mask, a bound.
struct Parameters {
  std::int64_t first = 0, second = 0;
};

/// A constant while this thread records nothing.
Traced record_node(const Rule&, Array&& value, const Traced* const* operands, unsigned count, Parameters);

/// `value` as made by `rule` from the operands; a constant where no operand is traced.
inline Traced record(const Rule& rule, Array value, const Traced& a, Parameters parameters = {}) {
  if (!a.node()) return value;
  const Traced* operands[] = {&a};
  return record_node(rule, std::move(value), operands, 1, parameters);
}
inline Traced record(const Rule& rule, Array value, const Traced& a, const Traced& b, Parameters parameters = {}) {
  if (!a.node() && !b.node()) return value;
  const Traced* operands[] = {&a, &b};
  return record_node(rule, std::move(value), operands, 2, parameters);
}
inline Traced record(const Rule& rule, Array value, const Traced& a, const Traced& b, const Traced& c, Parameters parameters = {}) {
  if (!a.node() && !b.node() && !c.node()) return value;
  const Traced* operands[] = {&a, &b, &c};
  return record_node(rule, std::move(value), operands, 3, parameters);
}

}  // namespace mushin::core
