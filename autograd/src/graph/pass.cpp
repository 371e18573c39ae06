#include "graph/pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "graph/anomaly.hpp"
#include "graph/thread_state.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/tensor/core/references.hpp"
#include "mushin/tensor/core/source_line.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {
constexpr std::size_t most_entries_kept = 1u << 16;
constexpr std::size_t few = 256;  // are sorted in place
constexpr std::uint8_t few_sums = 3;
}  // namespace

Pass::Pass(const char* op, const Traced& root, std::uint32_t region) : Pass() {
  region_ = region;
  if (!root.node())
    throw GraphError(fmt::format("[{}] the value was made from no variable while recording: there is no graph{}", op, called_at()).c_str());
  lists_.reset(std::exchange(thread_state.lists, nullptr));
  if (!lists_) lists_ = std::make_unique<Lists>();
  visit(static_cast<GraphNode*>(root.node()));
  // The list is its own queue.
  for (std::size_t i = 0; i < entries().size(); ++i) {
    GraphNode* n = entries()[i].node;
    if (ends_at(*n)) continue;
    GraphNode* const* inputs = n->inputs();
    // The last operand first: of a tree that was made from the left to the right, all nodes are then found in order.
    for (unsigned k = n->operands; k-- > 0;)
      if (inputs[k]) visit(inputs[k]);
  }
  sort();
  add_leaves();
}

Pass::~Pass() {
  if (!lists_) return;
  for (std::size_t i = let_go_; i < entries().size(); ++i) free_claim(*entries()[i].node);
  entries().clear();
  lists_->leaves.clear();
  if (thread_state.lists || entries().capacity() > most_entries_kept) return;
  thread_state.lists = lists_.release();
  close_at_thread_end();
}

namespace {
/// Whether nobody else had claimed the node.
bool claim(GraphNode& n, Pass* pass) {
  Pass* nobody = nullptr;
  if (!single_threaded()) return n.claim.compare_exchange_strong(nobody, pass, std::memory_order_acq_rel);
  n.claim.store(pass, std::memory_order_relaxed);
  return true;
}
}  // namespace

void Pass::visit(GraphNode* n) {
  if (!elsewhere_.empty() && elsewhere_.contains(n)) return;
  const Pass* holder = n->claim.load(std::memory_order_relaxed);
  if (holder == this) return;
  const auto at = static_cast<std::uint32_t>(n->rule ? entries().size() : lists_->leaves.size());
  if (!holder && claim(*n, this))
    n->slot = at;
  else
    elsewhere_.emplace(n, at);
  if (!n->rule) return lists_->leaves.push_back({n});
  entries().push_back({n, {}});
  sorted_ = sorted_ && n->sequence < last_;
  last_ = n->sequence;
  released_ = released_ || n->released.load(std::memory_order_relaxed);
}

void Pass::add_leaves() {
  for (const auto& [n] : lists_->leaves) {
    *position(n) = static_cast<std::uint32_t>(entries().size());
    entries().push_back({n, {}});
  }
}

std::uint32_t* Pass::position(const GraphNode* n) {
  if (n->claim.load(std::memory_order_relaxed) == this) return const_cast<std::uint32_t*>(&n->slot);
  if (elsewhere_.empty()) return nullptr;
  auto found = elsewhere_.find(n);
  return found == elsewhere_.end() ? nullptr : &found->second;
}

void Pass::sort() {
  if (sorted_) return;
  auto newer = [](const Entry& a, const Entry& b) { return a.node->sequence > b.node->sequence; };
  LongList<Entry>& all = entries();
  if (all.size() < few)
    std::sort(all.begin(), all.end(), newer);
  else
    sort_many();
  for (std::uint32_t i = 0; i < all.size(); ++i) *position(all[i].node) = i;
}

// By digits of the age, so that a million nodes take linear time and no comparison that waits for a node's memory.
void Pass::sort_many() {
  struct Key {
    std::uint64_t age;  // 0: the newest
    GraphNode* node;
  };
  constexpr unsigned bits = 11, digits = 1u << bits;
  std::uint64_t newest = 0, oldest = ~std::uint64_t{0};
  for (const Entry& e : lists_->entries) newest = std::max(newest, e.node->sequence), oldest = std::min(oldest, e.node->sequence);
  std::vector<Key> keys, sorted(entries().size());
  keys.reserve(entries().size());
  for (const Entry& e : lists_->entries) keys.push_back({newest - e.node->sequence, e.node});
  for (unsigned shift = 0; shift < 64 && (newest - oldest) >> shift; shift += bits) {
    std::vector<std::uint32_t> begin(digits + 1);
    for (const Key& k : keys) ++begin[(k.age >> shift & (digits - 1)) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    for (const Key& k : keys) sorted[begin[k.age >> shift & (digits - 1)]++] = k;
    keys.swap(sorted);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) entries()[i].node = keys[i].node;
}

Pass::Entry* Pass::find(const GraphNode* n) {
  std::uint32_t* at = position(n);
  return at ? &entries()[*at] : nullptr;
}

void Pass::Entry::add(Traced g) {
  if (!cotangent) {
    cotangent = std::move(g);
    return;
  }
  // A few summands wait, to become part of what the next rule computes. More of them are added in place, one after the other, so that
  // memory doesn't grow with their number; what needs none of its own waits for its like.
  const bool in_place = sums >= few_sums && !is_expression(g.value());
  if (sums < few_sums) ++sums;
  cotangent = core::add(cotangent, std::exchange(g, Traced()));
  if (in_place) evaluate(cotangent.value());
}

void Pass::add_part(Entry& e, const Sizes& sizes, unsigned axis, std::int64_t begin, std::uint32_t order, Traced part) {
  if (e.parts && !parts_[e.parts - 1].are_along(axis)) join_those_of(e);
  if (!e.parts) {
    parts_.emplace_back(sizes, axis, order);
    e.parts = static_cast<std::uint32_t>(parts_.size());
  }
  Parts& parts = parts_[e.parts - 1];
  parts.add(begin, std::move(part));
  if (parts.are_many()) join_those_of(e);
}

void Pass::join_those_of(Entry& e) {
  Parts parts = std::move(parts_[std::exchange(e.parts, 0) - 1]);
  parts.join([&e](Traced g) { e.add(std::move(g)); });
}

void Pass::want_paths() {
  // Oldest first: operands are decided before what was made from them.
  for (std::size_t i = entries().size(); i-- > 0;) {
    Entry& e = entries()[i];
    e.pulled = false;
    GraphNode* const* inputs = e.node->inputs();
    for (unsigned k = 0; k < e.node->operands && !e.pulled && !ends_at(*e.node); ++k)
      if (inputs[k]) e.pulled = find(inputs[k])->wanted;
    e.wanted = e.asked || e.pulled;
  }
}

namespace {
[[noreturn, gnu::cold, gnu::noinline]] void fail_freed(const char* op, const GraphNode& n) {
  throw GraphError(
      fmt::format("[{}] an earlier backward() freed the graph of a result of {}: keep it with backward(mushin::retain_graph){}", op,
                  name_of(n), forward_call(n))
          .c_str());
}
}  // namespace

void Pass::check_usable(const char* op) const {
  if (!released_) return;
  for (const Entry& e : lists_->entries)
    if (e.pulled && e.node->released.load(std::memory_order_relaxed)) fail_freed(op, *e.node);
}

}  // namespace mushin::core
