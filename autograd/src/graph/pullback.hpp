// What a gradient rule sees: the cotangent of its op's result, the values kept for it, and where gradients go.
#pragma once
#include "graph/pass.hpp"

namespace mushin::core {

/// What becomes of the values a node kept.
enum class KeptValues {
  moved,   // out of the node: the rule's results may take over their memory
  copied,  // the graph stays as it is
  linked,  // copied with the memory of how they were made, so that what the rule computes is recorded
};

class Pullback {
 public:
  Pullback(Pass& pass, OpNode& node, const Traced& cotangent, KeptValues values)
      : pass_(pass), node_(node), cotangent_(cotangent), values_(values) {}

  /// Has the result's shape.
  const Traced& cotangent() const { return cotangent_; }
  /// Whether operand i's gradient is asked for.
  bool wants(unsigned i) const { return node_.inputs()[i] && pass_.find(node_.inputs()[i])->wanted; }
  /// Operand i's value; the rule's Keeps must list it. To be read once, and so is `result`.
  Traced operand(unsigned i) const { return kept(i, node_.operand[i]); }
  Traced result() const { return kept(result_slot, &node_); }
  /// Operand i's shape; of traced operands alone.
  const Sizes& sizes(unsigned i) const { return node_.sizes[i] ? *node_.sizes[i] : cotangent_.sizes(); }
  /// Whether operands 0 and 1 are one value of one variable.
  bool is_square() const { return node_.operand[0] == node_.operand[1] && node_.kept[0].node() == node_.kept[1].node(); }
  std::int64_t parameter(unsigned i) const { return node_.parameter[i]; }

  OpNode& node() const { return node_; }
  /// Whether what the rule computes is to be recorded.
  bool linked() const { return values_ == KeptValues::linked; }

  /// Adds `g` to operand i's cotangent, summed to its shape if it was broadcast. Operands nobody asks for are skipped.
  void give(unsigned i, Traced g);
  /// The same, of that shape already.
  void give_whole(unsigned i, Traced g);
  /// The cotangent is that of the part of operand i which begins there along the axis; `order` as Parts has it.
  void give_part(unsigned i, unsigned axis, std::int64_t begin, std::uint32_t order);

 private:
  Traced kept(unsigned slot, GraphNode* maker) const;

  Pass& pass_;
  OpNode& node_;
  const Traced& cotangent_;
  KeptValues values_;
};

}  // namespace mushin::core
