#include "graph/leaf.hpp"

#include "graph/check.hpp"
#include "graph/fill.hpp"
#include "mushin/autograd/core/graph.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::core {
namespace {
LeafNode& of(GraphHead* n) { return *static_cast<LeafNode*>(n); }
}  // namespace

LeafNode::LeafNode(Array value) : GraphNode{} {
  refs = 1;
  sequence = next_sequence(0);
  handle.value_ = std::move(value);
  handle.node_ = this;
}
LeafNode::~LeafNode() { handle.node_ = nullptr; }

void LeafNode::add_gradient(const Array& g) {
  std::lock_guard lock(gate);
  gradient = gradient ? add(gradient, g) : g;
}

void LeafNode::clear_gradient() noexcept {
  std::lock_guard lock(gate);
  gradient = Array();
}

Leaf::Leaf(Array value) : node_(new LeafNode(std::move(value))) {}
Leaf::~Leaf() {
  if (node_) drop_ref(node_);
}
Leaf Leaf::alias() const {
  add_ref(node_);
  return Leaf(node_);
}
const Traced& Leaf::traced() const noexcept { return of(node_).handle; }
Array& Leaf::value() noexcept { return of(node_).handle.value_; }

void Leaf::set(Array value) {
  Array& old = of(node_).handle.value_;
  check_same_sizes("set", "the new value has the variable's shape", old.sizes(), value.sizes());
  old = std::move(value);
}

Array Leaf::grad() const {
  LeafNode& leaf = of(node_);
  std::lock_guard lock(leaf.gate);
  return leaf.gradient ? leaf.gradient : filled(leaf.handle.value(), 0);
}
void Leaf::zero_grad() noexcept { of(node_).clear_gradient(); }

}  // namespace mushin::core
