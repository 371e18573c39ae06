// What a recorded op keeps: how it was made, and what its gradient rule needs. Memory comes from the thread's free lists.
#pragma once
#include <atomic>
#include <cstdint>

#include "mushin/autograd/core/traced.hpp"

namespace mushin::core {

inline constexpr unsigned max_operands = 3;
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

/// Never moves, is never changed once made, except for `released` and the fields of the pass that claimed it.
struct GraphNode : GraphHead {
  std::uint8_t operands;
  std::atomic<bool> released;        // a backward pass freed what was kept
  std::uint32_t slot;                // position in the claiming pass
  std::uint64_t sequence;            // greater than that of every operand
  const Rule* rule;                  // null: a leaf
  GraphNode* operand[max_operands];  // null: a constant
  const Sizes* sizes[max_operands];  // null: those of the result
  Array kept[max_operands + 1];
  std::int64_t parameter[2];
  std::atomic<Pass*> claim;  // the backward pass that uses `slot`
  GraphNode* next;           // in the list of those being destroyed
};
static_assert(sizeof(GraphNode) <= 200);

/// Greater than `newest` and than all that this thread was given before.
std::uint64_t next_sequence(std::uint64_t newest) noexcept;
/// Lets go of the values a rule would read. The operands stay, so that the graph can still be walked.
void release_kept(GraphNode&) noexcept;

}  // namespace mushin::core
