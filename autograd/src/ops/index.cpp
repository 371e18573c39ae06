#include "mushin/autograd/ops/index.hpp"

#include "graph/fill.hpp"
#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/compositions.hpp"

namespace mushin::core {
namespace {
unsigned axis_of(const Pullback& p) { return static_cast<unsigned>(p.parameter(0)); }
}  // namespace

Traced gather(const Traced& a, unsigned axis, const Array& indices) {
  static constexpr auto pull = [](Pullback& p) {
    const Array zeros = filled(p.sizes(0), p.cotangent().type(), 0);
    p.give(0, scatter_add(zeros, axis_of(p), p.operand(1).value(), p.cotangent()));
  };
  static constexpr Rule rule{"gather", {{0, 1}}, pull};
  return record(rule, gather(a.value(), axis, indices), a, indices, {axis});
}

Traced scatter_add(const Traced& base, unsigned axis, const Array& indices, const Traced& updates, bool deterministic) {
  static constexpr auto pull = [](Pullback& p) {
    p.give(0, p.cotangent());
    if (p.wants(2)) p.give(2, gather(p.cotangent(), axis_of(p), p.operand(1).value()));
  };
  static constexpr Rule rule{"scatter_add", {{0, 4}}, pull};
  return record(rule, scatter_add(base.value(), axis, indices, updates.value(), deterministic), base, indices, updates, {axis});
}

Traced take(const Traced& a, const Array& indices) { return compositions::take(a, indices); }

}  // namespace mushin::core
