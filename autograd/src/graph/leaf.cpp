#include "graph/leaf.hpp"

#include "graph/check.hpp"
#include "graph/fill.hpp"
#include "graph/thread_state.hpp"
#include "mushin/autograd/core/graph.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::core {
namespace {
LeafNode& of(GraphHead* n) { return *static_cast<LeafNode*>(n); }
}  // namespace

LeafNode::LeafNode(Array value) : GraphNode{} {
  refs = 1;
  sequence = next_sequence(0);
  type = value.type();
  region = thread_state.region;
  handle.value_ = std::move(value);
  handle.node_ = this;
}
LeafNode::~LeafNode() { handle.node_ = nullptr; }

void LeafNode::add_gradient(const Array& g) {
  std::lock_guard lock(gate);
  if (capturing()) capture_read(&gradient);
  Array sum = gradient ? add(gradient, g) : g;
  if (capturing()) capture_replace(&gradient, sum);
  gradient = std::move(sum);
}

void LeafNode::set_gradient(Array g) {
  std::lock_guard lock(gate);
  if (capturing()) capture_replace(&gradient, g);
  gradient = std::move(g);
}

void LeafNode::clear_gradient() noexcept {
  std::lock_guard lock(gate);
  if (capturing()) capture_clear(&gradient);
  gradient = Array();
}

Leaf::Leaf(Array value) : node_(new (thread_state.leaves.take()) LeafNode(std::move(value))) {}
Leaf::~Leaf() {
  if (node_) drop_ref(node_);
}
Leaf Leaf::alias() const {
  add_ref(node_);
  return Leaf(node_);
}
const Traced& Leaf::traced() const {
  Traced& handle = of(node_).handle;
  if (capturing()) capture_read(&handle.value_);
  return handle;
}
Array& Leaf::value() {
  Array& value = of(node_).handle.value_;
  if (capturing()) capture_read(&value);
  return value;
}

void Leaf::set(Array value) {
  Array& old = of(node_).handle.value_;
  check_same_sizes("set", "the new value has the variable's shape", old.sizes(), value.sizes());
  if (capturing()) capture_replace(&old, value);
  old = std::move(value);
}

Array Leaf::grad() const {
  LeafNode& leaf = of(node_);
  std::lock_guard lock(leaf.gate);
  if (capturing()) capture_read(&leaf.gradient);
  return leaf.gradient ? leaf.gradient : filled(leaf.handle.value(), 0);
}
void Leaf::set_grad(Array gradient) {
  LeafNode& leaf = of(node_);
  check_same_sizes("set_grad", "the gradient has the variable's shape", leaf.handle.value().sizes(), gradient.sizes());
  leaf.set_gradient(std::move(gradient));
}
void Leaf::zero_grad() noexcept { of(node_).clear_gradient(); }

}  // namespace mushin::core
