#include "graph/pullback.hpp"

#include <cassert>

#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {
namespace {
constexpr std::uint8_t few_sums = 3;
}

void Pullback::give(unsigned i, Traced g) {
  const GraphNode* operand = node_.inputs()[i];
  Pass::Entry* e = operand ? pass_.find(operand) : nullptr;
  if (!e || !e->wanted) return;
  // The one place where a gradient gets its operand's shape.
  if (!(g.sizes() == sizes(i))) g = sum_to(g, sizes(i));
  add_to(*e, std::move(g));
}

void Pullback::give_whole(unsigned i, Traced g) { add_to(*pass_.find(node_.inputs()[i]), std::move(g)); }

void Pullback::add_to(Pass::Entry& e, Traced g) {
  Traced& to = e.cotangent;
  if (!to) {
    to = std::move(g);
    return;
  }
  // A few summands wait, to become part of what the next rule computes. More of them are added in place, one after the other, so that
  // memory doesn't grow with their number; what needs none of its own waits for its like.
  const bool in_place = e.sums >= few_sums && !is_expression(g.value());
  if (e.sums < few_sums) ++e.sums;
  to = add(to, std::exchange(g, Traced()));
  if (in_place) evaluate(to.value());
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
