// One walk over a graph, from a result back to its leaves.
#pragma once
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "graph/long_list.hpp"
#include "graph/node.hpp"
#include "graph/parts.hpp"

namespace mushin::core {

/// The nodes a result was made from, newest first and the variables behind all others, each with the cotangent gathered so far. A node is
/// found in constant time: it holds its position, if this pass was the first to claim it; a pass that meets another one's claim (a backward
/// inside of a backward, two threads over one graph) keeps such positions in a map.
class Pass {
 public:
  struct Entry {
    static constexpr bool moves_as_bytes = true;  // handles are pointers that nothing points back to

    GraphNode* node;
    Traced cotangent;
    bool asked = false;       // the caller reads this cotangent
    bool wanted = true;       // asked, or on the way to one that is
    bool pulled = true;       // its rule has work to do
    std::uint8_t sums = 0;    // additions to the cotangent, as far as they matter
    std::uint32_t parts = 0;  // the place of those that wait, from 1 on, among the pass's
    /// More of the cotangent.
    void add(Traced);
  };

  struct Leaf {
    static constexpr bool moves_as_bytes = true;

    GraphNode* node;
  };

  struct Lists {
    LongList<Entry> entries;
    LongList<Leaf> leaves;  // until they are among the entries
  };

  /// GraphError when `root` is a constant. A region's pass goes no farther than to the nodes its nodes were made from.
  Pass(const char* op, const Traced& root, std::uint32_t region = 0);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  LongList<Entry>& entries() { return lists_->entries; }
  /// Those that are no variables, and those that are.
  std::span<Entry> ops() { return std::span(entries()).first(entries().size() - lists_->leaves.size()); }
  std::span<Entry> leaves() { return std::span(entries()).last(lists_->leaves.size()); }
  /// Nobody looks for the entry's node in this pass any more: done while the node is in the caches, what else the destructor does.
  void let_go(const Entry& e) {
    free_claim(*e.node);
    if (&e == &entries()[let_go_]) ++let_go_;
  }
  /// Whether gradients end here: at leaves, and outside of the region.
  bool ends_at(const GraphNode& n) const { return !n.rule || (region_ && n.region != region_); }
  /// Whether all of the node's gradient is gathered here: not outside of the region, where another pass goes on.
  bool completes(const GraphNode& n) const { return !region_ || n.region == region_; }
  /// Adds a part of the entry's cotangent, which has these sizes; `order` as Parts has it.
  void add_part(Entry&, const Sizes&, unsigned axis, std::int64_t begin, std::uint32_t order, Traced);
  /// All that was added is in the entry's cotangent.
  void join_parts(Entry& e) {
    if (e.parts) [[unlikely]]
      join_those_of(e);
  }
  /// Null when the node isn't part of this pass.
  Entry* find(const GraphNode*);
  /// From now on, only what leads to an entry that is `asked` is wanted.
  void want_paths();
  /// GraphError when a node whose rule will be pulled was released.
  void check_usable(const char* op) const;

 private:
  Pass() = default;
  void visit(GraphNode*);
  void free_claim(GraphNode& n) {
    if (n.claim.load(std::memory_order_relaxed) == this) n.claim.store(nullptr, std::memory_order_release);
  }
  void join_those_of(Entry&);
  void sort();
  void sort_many();
  void add_leaves();
  std::uint32_t* position(const GraphNode*);

  std::unique_ptr<Lists> lists_;
  std::vector<Parts> parts_;
  std::unordered_map<const GraphNode*, std::uint32_t> elsewhere_;
  std::uint64_t last_ = ~std::uint64_t{0};  // sequence of the op that was found last
  std::size_t let_go_ = 0;                  // of the first entries
  std::uint32_t region_ = 0;
  bool sorted_ = true;     // ops are found newest first
  bool released_ = false;  // one at least was freed by an earlier pass
};

}  // namespace mushin::core
