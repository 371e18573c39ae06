// What a thread keeps from one graph to the next. Constant-initialised and trivially destroyed: reading it needs no guard.
#pragma once
#include <vector>

#include "graph/free_list.hpp"
#include "graph/node.hpp"
#include "graph/pass.hpp"

namespace mushin::core {

struct ThreadState {
  FreeList<sizeof(GraphNode), 8192> nodes;
  FreeList<sizeof(Sizes), 2048> sizes;
  std::vector<Pass::Entry>* entries;  // memory that the next pass takes over; a pass inside of a pass finds none
  std::uint64_t clock;                // sequence of the newest node this thread made or built upon
  std::int64_t alive;
  std::uint32_t region;  // of the nodes being made
  bool silent;           // record nothing
  bool destroying;       // `doomed` is being worked off
  GraphNode* doomed;     // nodes without owners
};
// The general model of a shared library would cost a call for each access; a few hundred bytes fit the static block.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local ThreadState thread_state;

/// Has the memory given back to the system when the thread ends. To be called by whoever leaves some in an empty state.
void close_at_thread_end();

}  // namespace mushin::core
