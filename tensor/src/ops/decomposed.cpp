#include "ops/decomposed.hpp"

#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core {
namespace {

Array count_up(std::int64_t n, const Array& like) { return to_device(ramp(n, dtype::i64, 0, 1), like.device()); }
Array index(std::int64_t i) { return literal(static_cast<double>(i), dtype::i64); }

// The array as (outer, n, inner).
Sizes as_lines(const Sizes& s, unsigned axis) {
  Sizes out{1, s[axis], 1};
  for (unsigned i = 0; i < s.rank; ++i)
    if (i != axis) out.at[i < axis ? 0 : 2] *= s[i];
  return out;
}

}  // namespace

Array decomposed_scan(const Array& a, unsigned axis, Scan kind, bool reverse) {
  const Sizes lines = as_lines(a.sizes(), axis);
  const std::int64_t n = lines[1];
  if (a.sizes().count() == 0) return a;
  const Array at = reshape(count_up(n, a), {n, 1});
  Array y = reshape(a, lines);
  for (std::int64_t away = 1; away < n; away *= 2) {
    const Array other = reverse ? place(slice(y, 1, away, n), 1, 0, n) : place(slice(y, 1, 0, n - away), 1, away, n);
    const Array has_other = reverse ? less(at, index(n - away)) : greater_equal(at, index(away));
    y = where(has_other, kind == Scan::sum ? add(y, other) : mul(y, other), y);
    evaluate(y);
  }
  return reshape(y, a.sizes());
}

Sorted decomposed_sort(const Array& a, unsigned axis, std::int64_t k, bool descending) {
  const Sizes lines = as_lines(a.sizes(), axis);
  const std::int64_t outer = lines[0], n = lines[1], inner = lines[2];
  Sizes to = a.sizes();
  to.at[axis] = k;
  if (a.sizes().count() == 0) return {slice(a, axis, 0, k), slice(cast(a, dtype::i64), axis, 0, k)};
  const Array x = reshape(a, lines), count = count_up(n, a);
  const Array mine = reshape(x, {outer, n, 1, inner}), theirs = reshape(x, {outer, 1, n, inner});
  const Array earlier = less(reshape(count, {1, n, 1}), reshape(count, {n, 1, 1}));
  Array before = descending ? greater(theirs, mine) : less(theirs, mine), same = equal(theirs, mine);
  if (is_float(a.type())) {
    const Array i_am = not_equal(mine, mine), they_are = not_equal(theirs, theirs);
    before = logical_or(before, descending ? logical_and(they_are, logical_not(i_am)) : logical_and(i_am, logical_not(they_are)));
    same = logical_or(same, logical_and(i_am, they_are));
  }
  const Array first = logical_or(before, logical_and(same, earlier));
  const Array place_of = sum(cast(first, dtype::i64), 1u << 2, false);
  const Array indices = scatter_add(broadcast_to(index(0), lines), 1, place_of, broadcast_to(reshape(count, {n, 1}), lines));
  const Array taken = slice(indices, 1, 0, k);
  return {reshape(gather(x, 1, taken), to), reshape(taken, to)};
}

}  // namespace mushin::core
