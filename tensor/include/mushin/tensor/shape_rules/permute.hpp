#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// Each axis once.
constexpr bool is_permutation(Shape a, Axes order) { return order.count == a.rank && axes_in_range(a, order) && axes_distinct(a, order); }

/// Axis i of the result is axis `order[i]`.
constexpr Shape permute(Shape a, Axes order) {
  Shape out;
  for (unsigned i = 0; i < order.count; ++i) out.push(a[axis(a, order.at[i])]);
  return out;
}

/// The last two axes swapped.
constexpr Shape transpose(Shape a) {
  if (a.rank < 2) return a;
  const extent last = a.from_end(0);
  a.at[a.rank - 1] = a.from_end(1);
  a.at[a.rank - 2] = last;
  return a;
}

}  // namespace mushin::rules
