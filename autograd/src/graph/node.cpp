#include "graph/node.hpp"

#include <algorithm>

#include "graph/free_list.hpp"
#include "graph/leaf.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/core/graph.hpp"

namespace mushin::core {
namespace {

struct ThreadState {
  FreeList<sizeof(GraphNode), 8192> nodes;
  FreeList<sizeof(Sizes), 2048> sizes;
  std::uint64_t clock;
  std::int64_t alive;
  bool silent;
};
constinit thread_local ThreadState state{};

struct Closer {
  ~Closer() {
    state.nodes.close();
    state.sizes.close();
  }
};
void close_at_thread_end() {
  thread_local Closer closer;
  static_cast<void>(closer);
}

bool is_last(GraphNode* n) noexcept {
  return __atomic_load_n(&n->refs, __ATOMIC_ACQUIRE) == 1 || __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void give_back(GraphNode* n) noexcept {
  if (!n->rule) {
    delete static_cast<LeafNode*>(n);
    return;
  }
  for (const Sizes* s : n->sizes)
    if (s && state.sizes.give(const_cast<Sizes*>(s))) close_at_thread_end();
  n->~GraphNode();
  if (state.nodes.give(n)) close_at_thread_end();
  --state.alive;
}

}  // namespace

std::uint64_t next_sequence(std::uint64_t newest) noexcept {
  // A Lamport clock: the order holds across threads although they share nothing.
  return state.clock = (newest > state.clock ? newest : state.clock) + 1;
}

void release_kept(GraphNode& n) noexcept {
  for (Array& a : n.kept) a = Array();
}

bool recording() noexcept { return !state.silent; }

Traced record_node(const Rule& rule, Array&& value, const Traced* const* operands, unsigned count, Parameters parameters) {
  auto* n = new (state.nodes.take()) GraphNode{};
  ++state.alive;
  n->refs = 1;
  n->rule = &rule;
  Traced result(std::move(value), n);
  n->operands = static_cast<std::uint8_t>(count);
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
    if (!(operands[i]->sizes() == result.sizes())) n->sizes[i] = new (state.sizes.take()) Sizes(operands[i]->sizes());
  }
  n->sequence = next_sequence(newest);
  for (unsigned i = 0; i < count; ++i)
    if (rule.keeps.slot[i] & traced) n->kept[i] = operands[i]->value();
  if (rule.keeps.slot[result_slot] & traced) n->kept[result_slot] = result.value();
  return result;
}

void destroy(GraphHead* head) noexcept {
  // A list instead of recursion: a graph may be a million ops deep.
  auto* list = static_cast<GraphNode*>(head);
  list->next = nullptr;
  while (list) {
    GraphNode* n = std::exchange(list, list->next);
    for (GraphNode* in : n->operand)
      if (in && is_last(in)) in->next = std::exchange(list, in);
    give_back(n);
  }
}

NoRecording::NoRecording() noexcept : before_(state.silent) { state.silent = true; }
NoRecording::~NoRecording() { state.silent = before_; }

std::int64_t graph_node_count() noexcept { return state.alive; }

}  // namespace mushin::core
