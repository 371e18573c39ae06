// What a thread keeps from one graph to the next. Constant-initialised and trivially destroyed: reading it needs no guard.
#pragma once
#include "graph/free_list.hpp"
#include "graph/leaf.hpp"
#include "graph/pass.hpp"

namespace mushin::core {

/// How a thread records; none of them: ops on traced values, and nothing else.
enum RecordMode : std::uint8_t {
  silent_mode = 1,   // nothing
  watched_mode = 2,  // an AnomalyGuard lives
};

struct ThreadState {
  FreeList<sizeof(OpNode)> nodes;
  FreeList<sizeof(LeafNode)> leaves;
  FreeList<sizeof(Sizes)> sizes;
  Pass::Lists* lists;   // memory that the next pass takes over; a pass inside of a pass finds none
  std::uint64_t clock;  // sequence of the newest node this thread made or built upon
  std::int64_t alive;
  std::int64_t observed;  // passes
  std::uint32_t region;   // of the nodes being made
  std::uint8_t mode;      // of RecordMode
  bool destroying;        // `doomed` is being worked off
  GraphNode* doomed;      // nodes without owners

  bool silent() const { return mode & silent_mode; }
  bool watched() const { return mode & watched_mode; }
  /// Gives what was before.
  bool set(RecordMode bit, bool on) noexcept {
    const bool before = mode & bit;
    mode = static_cast<std::uint8_t>(on ? mode | bit : mode & ~bit);
    return before;
  }
};
// The general model of a shared library would cost a call for each access; a few hundred bytes fit the static block.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadState thread_state;

}  // namespace mushin::core
