// What a recorded op keeps: how it was made, and what its gradient rule needs. Memory comes from the thread's free lists.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "mushin/autograd/core/function.hpp"

namespace mushin::core {

inline constexpr unsigned max_operands = 3;  // of an op; those of a Function go to most_operands
inline constexpr unsigned most_operands = 65535;
inline constexpr unsigned result_slot = max_operands;

class Pullback;
class Pass;

/// Which values a rule reads, so that no other is kept. Bit i: needed for the gradient of operand i.
struct Keeps {
  std::uint8_t slot[max_operands + 1]{};  // the operands, then the result
};

/// An op's gradient rule. Written with ops on Traced, so that it is differentiable itself.
struct Rule {
  const char* name;
  Keeps keeps;
  void (*pull)(Pullback&);
};

struct Extras;

/// Of an op or a variable. Never moves, is never changed once made, except for `released`, `extras` and the fields of the pass that claimed
/// it. One line of the cache: a walk over a graph reads this of each operand.
struct GraphNode : GraphHead {
  std::uint16_t operands;
  std::atomic<bool> released;  // a backward pass freed what was kept
  mushin::dtype type;          // of the result
  std::uint32_t slot;          // position in the claiming pass
  std::uint32_t region;        // the run of a checkpoint's function that made it; 0: none
  std::uint64_t sequence;      // greater than that of every operand
  std::atomic<Pass*> claim;    // the backward pass that uses `slot`
  const Rule* rule;            // null: a leaf
  Extras* extras;              // null for nearly all
  GraphNode* next;             // in the list of those being destroyed

  /// As many as `operands`; null: a constant.
  GraphNode* const* inputs() const noexcept;
};
static_assert(sizeof(GraphNode) <= 64);

/// One with a rule.
struct OpNode : GraphNode {
  GraphNode* operand[max_operands];  // null: a constant
  const Sizes* sizes[max_operands];  // null: those of the result
  Array kept[max_operands + 1];
  std::int64_t parameter[2];
};
static_assert(sizeof(OpNode) <= 200, "a recorded op takes at most 200 bytes besides the values it keeps");

struct Calls;
struct HookSlot;

/// What few nodes have.
struct Extras {
  Extras();
  ~Extras();

  const char* name = nullptr;          // of the function
  std::unique_ptr<Function> function;  // null once released
  std::vector<GraphNode*> operands;    // where there are more than fit into the node
  std::vector<Sizes> sizes;            // of the function's operands
  std::unique_ptr<Calls> calls;        // of the op, if an AnomalyGuard lived
  std::vector<std::shared_ptr<HookSlot>> hooks;
};
inline GraphNode* const* GraphNode::inputs() const noexcept {
  if (operands > max_operands) [[unlikely]]
    return extras->operands.data();
  return rule ? static_cast<const OpNode*>(this)->operand : nullptr;
}
/// The op that made the value.
inline const char* name_of(const GraphNode& n) noexcept {
  return n.extras && n.extras->name ? n.extras->name : n.rule ? n.rule->name : "variable";
}

/// The node's own; made at the first call.
Extras& extras_of(GraphNode&);

/// `value` as made from the nodes by the extras' function. Without sizes, its gradients are taken as they come.
Traced record_extras(Array value, const std::vector<GraphNode*>& operands, std::unique_ptr<Extras>);
/// Without operands, which the caller adds, and with one reference.
OpNode* new_node(const Rule&);
/// Greater than `newest` and than all that this thread was given before.
std::uint64_t next_sequence(std::uint64_t newest) noexcept;
/// Lets go of the values a rule would read. The operands stay, so that the graph can still be walked.
void release_kept(OpNode&) noexcept;

}  // namespace mushin::core
