#pragma once
#include <mutex>

#include "graph/node.hpp"

namespace mushin::core {

/// A graph's beginning. `handle` refers to its own node without owning it, so that reading a leaf counts nothing.
struct LeafNode : GraphNode {
  explicit LeafNode(Array value);
  ~LeafNode();
  void add_gradient(const Array&);
  void clear_gradient() noexcept;

  Traced handle;
  Array gradient;   // empty: zeros
  std::mutex gate;  // of `gradient`: backward passes of several threads may end in one leaf
};

}  // namespace mushin::core
