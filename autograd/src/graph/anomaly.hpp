// Looking for NaN and infinities, and for the lines that recorded ops were called from.
#pragma once
#include <string>

#include "graph/hooks.hpp"
#include "graph/pass.hpp"
#include "graph/record.hpp"

namespace mushin::core {

/// Where a node's op was called from.
struct Calls {
  ReasonToObserve reason;
  CallStack stack;
};

/// Has the node remember where its op was called from.
void keep_calls(GraphNode&);
/// ` (forward call at model.cpp:12)`, or empty where nothing was kept.
std::string forward_call(const GraphNode&);

/// As record_node, while an AnomalyGuard lives.
Traced record_watched(const Rule&, Array&& value, const Traced* const* operands, unsigned count, Parameters);
/// GraphError where the result of a recorded op has a NaN, or an infinity that no operand has.
void check_result(const Traced& result, const Traced* const* operands, unsigned count);

/// Looks at a backward pass.
class GradientWatch {
 public:
  /// Infinities that the seed has are let pass.
  explicit GradientWatch(const Traced& seed);
  /// GraphError where one of the gradients that the node's rule gave has a NaN or an infinity.
  void check(Pass&, const GraphNode&) const;
  /// The same of what a hook on the node's gradient gave.
  void check_hooked(const GraphNode&, const Traced& g) const;

 private:
  bool finite_;
};

}  // namespace mushin::core
