#include "graph/node.hpp"

#include <algorithm>

#include "graph/anomaly.hpp"
#include "graph/hooks.hpp"
#include "graph/leaf.hpp"
#include "graph/record.hpp"
#include "graph/thread_state.hpp"

namespace mushin::core {
namespace {
void give_back(GraphNode* n) noexcept {
  delete n->extras;
  if (!n->rule) {
    auto* leaf = static_cast<LeafNode*>(n);
    leaf->~LeafNode();
    thread_state.leaves.give(leaf);
    return;
  }
  auto* op = static_cast<OpNode*>(n);
  for (const Sizes* s : op->sizes)
    if (s) thread_state.sizes.give(const_cast<Sizes*>(s));
  op->~OpNode();
  thread_state.nodes.give(op);
  --thread_state.alive;
}

}  // namespace

Extras::Extras() = default;
Extras::~Extras() = default;

Extras& extras_of(GraphNode& n) {
  if (!n.extras) n.extras = new Extras;
  return *n.extras;
}

OpNode* new_node(const Rule& rule) {
  auto* n = new (thread_state.nodes.take()) OpNode{};
  ++thread_state.alive;
  n->refs = 1;
  n->rule = &rule;
  n->region = thread_state.region;
  return n;
}

std::uint64_t next_sequence(std::uint64_t newest) noexcept {
  // A Lamport clock: the order holds across threads although they share nothing.
  return thread_state.clock = (newest > thread_state.clock ? newest : thread_state.clock) + 1;
}

void release_kept(OpNode& n) noexcept {
  for (Array& a : n.kept)
    if (a) a = Array();
  if (n.extras) n.extras->function.reset();
}

Traced record_node(const Rule& rule, Array&& value, const Traced* const* operands, unsigned count, Parameters parameters) {
  if (thread_state.mode) [[unlikely]]
    return thread_state.silent() ? std::move(value) : record_watched(rule, std::move(value), operands, count, parameters);
  OpNode* n = new_node(rule);
  Traced result(std::move(value), n);
  n->operands = static_cast<std::uint16_t>(count);
  n->type = result.type();
  n->parameter[0] = parameters.first;
  n->parameter[1] = parameters.second;
  unsigned traced = 0;
  std::uint64_t newest = 0;
  for (unsigned i = 0; i < count; ++i) {
    auto* in = static_cast<GraphNode*>(operands[i]->node());
    if (!in) continue;
    traced |= 1u << i;
    add_ref(in);
    n->operand[i] = in;
    newest = std::max(newest, in->sequence);
    if (!(operands[i]->sizes() == result.sizes())) n->sizes[i] = new (thread_state.sizes.take()) Sizes(operands[i]->sizes());
  }
  n->sequence = next_sequence(newest);
  for (unsigned i = 0; i < count; ++i)
    if (rule.keeps.slot[i] & traced) n->kept[i] = operands[i]->value();
  if (rule.keeps.slot[result_slot] & traced) n->kept[result_slot] = result.value();
  return result;
}

void destroy(GraphHead* head) noexcept {
  // A list instead of recursion: a graph may be a million ops deep, also where functions hold results by themselves.
  auto* last = static_cast<GraphNode*>(head);
  last->next = thread_state.doomed;
  thread_state.doomed = last;
  if (thread_state.destroying) return;
  thread_state.destroying = true;
  while (thread_state.doomed) {
    GraphNode* n = std::exchange(thread_state.doomed, thread_state.doomed->next);
    GraphNode* const* inputs = n->inputs();
    for (unsigned i = 0; i < n->operands; ++i)
      if (inputs[i] && count_down(inputs[i]->refs)) inputs[i]->next = std::exchange(thread_state.doomed, inputs[i]);
    give_back(n);
  }
  thread_state.destroying = false;
}

}  // namespace mushin::core
