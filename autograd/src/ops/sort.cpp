#include "mushin/autograd/ops/sort.hpp"

#include "graph/fill.hpp"
#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/index.hpp"

namespace mushin::core {
namespace {

SortedOf<Traced> recorded(Sorted s, const Traced& a, unsigned axis) {
  static constexpr auto pull = [](Pullback& p) {
    const Array zeros = filled(p.sizes(0), p.cotangent().type(), 0);
    p.give(0, scatter_add(zeros, static_cast<unsigned>(p.parameter(0)), p.operand(1).value(), p.cotangent()));
  };
  static constexpr Rule rule{"sort", {{0, 1}}, pull};
  Traced values = record(rule, std::move(s.values), a, s.indices, {axis});
  return {std::move(values), std::move(s.indices)};
}

}  // namespace

Traced sort(const Traced& a, unsigned axis, bool descending) {
  if (!a.node() || axis >= a.rank()) return sort(a.value(), axis, descending);
  return recorded(sorted(a.value(), axis, a.sizes()[axis], descending), a, axis).values;
}

SortedOf<Traced> topk(const Traced& a, unsigned axis, std::int64_t k) { return recorded(topk(a.value(), axis, k), a, axis); }

}  // namespace mushin::core
