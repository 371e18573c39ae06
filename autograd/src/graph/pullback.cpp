#include "graph/pullback.hpp"

#include <cassert>

#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {

void Pullback::give(unsigned i, Traced g) {
  if (!wants(i)) return;
  // The one place where a gradient gets its operand's shape.
  if (!(g.sizes() == sizes(i))) g = sum_to(g, sizes(i));
  give_whole(i, std::move(g));
}

void Pullback::give_whole(unsigned i, Traced g) {
  Traced& to = pass_.find(node_.inputs()[i])->cotangent;
  to = to ? add(to, g) : std::move(g);
}

Traced Pullback::kept(unsigned slot, GraphNode* maker) const {
  assert(node_.kept[slot]);
  if (values_ == KeptValues::moved) return std::move(node_.kept[slot]);
  Array value = node_.kept[slot];
  if (values_ == KeptValues::copied || !maker) return value;
  add_ref(maker);
  return Traced(std::move(value), maker);
}

}  // namespace mushin::core
