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

namespace {

/// With the axes in between flattened, one gather.
template <class H>
H taken_each(const H& a, const Array& indices, unsigned maps) {
  Sizes rows, column, to = indices.sizes();
  std::int64_t many = 1, count = 1;
  for (unsigned i = 0; i < maps; ++i) many *= a.sizes()[i];
  for (unsigned i = maps; i < indices.rank(); ++i) count *= indices.sizes()[i];
  for (const std::int64_t size : {many, count}) column.push(size);
  for (const std::int64_t size : {many, a.sizes()[maps]}) rows.push(size);
  for (unsigned i = maps + 1; i < a.rank(); ++i) column.push(1), rows.push(a.sizes()[i]), to.push(a.sizes()[i]);
  Sizes all = rows;
  all.at[1] = count;
  return reshape(gather(reshape(a, rows), 1u, broadcast_to(reshape(indices, column), all)), to);
}

/// The rows to the front and, taken, behind the mapped axes again.
template <class H>
H taken_same(const H& a, const Array& indices, unsigned maps) {
  unsigned order[max_rank], back[max_rank];
  for (unsigned i = 0; i < a.rank(); ++i) order[i] = i == 0 ? maps : i <= maps ? i - 1 : i;
  const H rows = take(permute(a, order), indices);
  const unsigned taken = indices.rank();
  for (unsigned i = 0; i < rows.rank(); ++i) back[i] = i < maps ? taken + i : i < maps + taken ? i - maps : i;
  return permute(rows, back);
}

}  // namespace

namespace mapped {

Array take_each(const Array& a, const Array& indices, unsigned maps) { return taken_each(a, indices, maps); }
Traced take_each(const Traced& a, const Array& indices, unsigned maps) { return taken_each(a, indices, maps); }
Array take_same(const Array& a, const Array& indices, unsigned maps) { return taken_same(a, indices, maps); }
Traced take_same(const Traced& a, const Array& indices, unsigned maps) { return taken_same(a, indices, maps); }

}  // namespace mapped

}  // namespace mushin::core
