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
  Shape out;
  for (unsigned i = 0; i < indices.rank; ++i) out.push(i == axis || i >= a.rank ? indices[i] : better_known(indices[i], a[i]));
  return out;
}

/// (rows, rest…) with indices of any shape -> (shape…, rest…).
constexpr Shape take(Shape a, Shape indices) {
  Shape out;
  for (unsigned i = 0; i < indices.rank; ++i) out.push(indices[i]);
  for (unsigned i = 1; i < a.rank; ++i) out.push(a[i]);
  return out;
}

}  // namespace mushin::rules
