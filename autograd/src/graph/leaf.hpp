#pragma once
#include <mutex>
#include <thread>

#include "graph/node.hpp"
#include "mushin/tensor/core/references.hpp"

namespace mushin::core {

/// Held for the time of one addition, nearly always by nobody else: a mutex would cost more than what it guards.
class Gate {
 public:
  void lock() noexcept {
    if (single_threaded()) return;
    while (taken_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

/// A graph's beginning. `handle` refers to its own node without owning it, so that reading a leaf counts nothing.
struct LeafNode : GraphNode {
  explicit LeafNode(Array value);
  ~LeafNode();
  void add_gradient(const Array&);
  void set_gradient(Array);
  void clear_gradient() noexcept;

  Traced handle;
  Array gradient;  // empty: zeros
  Gate gate;       // of `gradient`: backward passes of several threads may end in one leaf
};

}  // namespace mushin::core
