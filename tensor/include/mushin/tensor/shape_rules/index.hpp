#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// `indices` has a's rank, and a's extents on all axes but `axis`.
constexpr bool gather_matches(Shape a, Shape indices, unsigned axis) {
  if (a.rank != indices.rank) return false;
  for (unsigned i = 0; i < a.rank; ++i)
    if (i != axis && !may_equal(a[i], indices[i])) return false;
  return true;
}

/// The extents of `indices`, with what `a` knows better.
constexpr Shape gather(Shape a, Shape indices, unsigned axis) {
  for (unsigned i = 0; i < indices.rank && i < a.rank; ++i)
    if (i != axis) indices.at[i] = better_known(indices[i], a[i]);
  return indices;
}

/// (rows, rest…) with indices (n) -> (n, rest…).
constexpr Shape take(Shape a, Shape indices) {
  if (a.rank > 0 && indices.rank > 0) a.at[0] = indices[0];
  return a;
}

/// Indices (n) as (n, 1, …) of rank `rank`: how rows are picked by gather.
constexpr Shape as_column(Shape indices, unsigned rank) {
  while (indices.rank < rank) indices.push(extent{1});
  return indices;
}

}  // namespace mushin::rules
