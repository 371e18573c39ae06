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
Array index(std::int64_t i) { return literal(i, dtype::i64); }

// The array as (outer, n, inner).
Sizes as_lines(const Sizes& s, unsigned axis) {
  Sizes out{1, s[axis], 1};
  for (unsigned i = 0; i < s.rank; ++i)
    if (i != axis) out.at[i < axis ? 0 : 2] *= s[i];
  return out;
}

// Of two values and their indices: whether the first comes before the second.
Array comes_before(const Array& a, const Array& a_earlier, const Array& b, bool descending) {
  Array before = descending ? greater(a, b) : less(a, b), same = equal(a, b);
  if (is_float(a.type())) {
    const Array a_nan = not_equal(a, a), b_nan = not_equal(b, b);
    before = logical_or(before, descending ? logical_and(a_nan, logical_not(b_nan)) : logical_and(b_nan, logical_not(a_nan)));
    same = logical_or(same, logical_and(a_nan, b_nan));
  }
  return logical_or(before, logical_and(same, a_earlier));
}

// Lines as (outer, n, inner). An element's place is the number of those that come before it.
Sorted sort_by_places(const Array& x, const Array& count, bool descending) {
  const std::int64_t outer = x.sizes()[0], n = x.sizes()[1], inner = x.sizes()[2];
  const Array mine = reshape(x, {outer, n, 1, inner}), theirs = reshape(x, {outer, 1, n, inner});
  const Array earlier = less(reshape(count, {1, n, 1}), reshape(count, {n, 1, 1}));
  const Array place_of = sum(cast(comes_before(theirs, earlier, mine, descending), dtype::i64), 1u << 2, false);
  const Array at = scatter_add(broadcast_to(index(0), x.sizes()), 1, place_of, broadcast_to(reshape(count, {n, 1}), x.sizes()));
  return {gather(x, 1, at), at};
}

// One layer of a network: pairs `away` from each other, of which the first has the number `first` modulo 2 among steps of `step`.
void exchange(Sorted& s, const Array& count, std::int64_t step, std::int64_t first, std::int64_t away, bool descending) {
  const std::int64_t n = s.values.sizes()[1];
  const auto ahead = [&](const Array& y) { return place(slice(y, 1, away, n), 1, 0, n); };
  const auto behind = [&](const Array& y) { return place(slice(y, 1, 0, n - away), 1, away, n); };
  const auto is_first = [&](const Array& i) { return equal(remainder(floor_divide(i, index(step)), index(2)), index(first)); };
  const Array up = ahead(s.values), down = behind(s.values), up_at = ahead(s.indices), down_at = behind(s.indices);
  const Array low = logical_and(is_first(count), less(count, index(n - away)));
  const Array high = logical_and(is_first(sub(count, index(away))), greater_equal(count, index(away)));
  evaluate(low), evaluate(high);  // of n elements, not of all lines
  const Array take_up = logical_and(low, comes_before(up, less(up_at, s.indices), s.values, descending));
  const Array take_down = logical_and(high, comes_before(s.values, less(s.indices, down_at), down, descending));
  s = {where(take_up, up, where(take_down, down, s.values)), where(take_up, up_at, where(take_down, down_at, s.indices))};
  evaluate(s.values), evaluate(s.indices);
}

// Batcher's merges of odd and even elements (Knuth, The Art of Computer Programming, 5.2.2, algorithm M).
Sorted sort_by_network(const Array& x, const Array& count, bool descending) {
  const std::int64_t n = x.sizes()[1];
  const Array at = reshape(count, {n, 1});
  Sorted s{x, add(broadcast_to(at, x.sizes()), index(0))};
  std::int64_t half = 1;
  while (2 * half < n) half *= 2;
  for (std::int64_t step = half; step > 0; step /= 2) {
    std::int64_t first = 0, away = step;
    for (std::int64_t reach = half;; reach /= 2) {
      exchange(s, at, step, first, away, descending);
      if (reach == step) break;
      away = reach - step, first = 1;
    }
  }
  return s;
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
  const std::int64_t n = lines[1];
  Sizes to = a.sizes();
  to.at[axis] = k;
  if (a.sizes().count() == 0) return {slice(a, axis, 0, k), slice(cast(a, dtype::i64), axis, 0, k)};
  const Array x = reshape(a, lines), count = count_up(n, a);
  constexpr std::int64_t network_from = 256;  // its layers are many for fewer elements
  const Sorted all = n < network_from ? sort_by_places(x, count, descending) : sort_by_network(x, count, descending);
  return {reshape(slice(all.values, 1, 0, k), to), reshape(slice(all.indices, 1, 0, k), to)};
}

}  // namespace mushin::core
