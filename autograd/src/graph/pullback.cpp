#include "graph/pullback.hpp"

#include <cassert>

#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {
void Pullback::give(unsigned i, Traced g) {
  const GraphNode* operand = node_.inputs()[i];
  Pass::Entry* e = operand ? pass_.find(operand) : nullptr;
  if (!e || !e->wanted) return;
  // The one place where a gradient gets its operand's shape.
  if (!(g.sizes() == sizes(i))) g = sum_to(g, sizes(i));
  e->add(std::move(g));
}

void Pullback::give_whole(unsigned i, Traced g) { pass_.find(node_.inputs()[i])->add(std::move(g)); }

void Pullback::give_part(unsigned i, unsigned axis, std::int64_t begin, std::uint32_t order) {
  const GraphNode* operand = node_.inputs()[i];
  Pass::Entry* e = operand ? pass_.find(operand) : nullptr;
  if (e && e->wanted) pass_.add_part(*e, sizes(i), axis, begin, order, cotangent_);
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
