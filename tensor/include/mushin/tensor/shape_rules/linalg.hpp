#pragma once
#include "mushin/tensor/shape_rules/matmul.hpp"

namespace mushin::rules {

/// The last two axes can be those of a square matrix.
constexpr bool square(Shape a) { return a.rank >= 2 && may_equal(a.from_end(0), a.from_end(1)); }

/// The lesser of two sizes; `dyn` where only the run knows which.
constexpr extent lesser(extent m, extent n) {
  if (m == n) return m;
  return m.is_static() && n.is_static() ? (m.size < n.size ? m : n) : dyn;
}

/// The leading axes of `a`, then `tail...`.
constexpr Shape with_tail(Shape a, auto... tail) {
  Shape out = matmul_batch(a);
  (out.push(tail), ...);
  return out;
}

// (…, m, n) = Q (…, m, k) R (…, k, n), with k the lesser of m and n; the same for U and V^T.
constexpr Shape left_factor(Shape a) { return with_tail(a, a.from_end(1), lesser(a.from_end(1), a.from_end(0))); }
constexpr Shape right_factor(Shape a) { return with_tail(a, lesser(a.from_end(1), a.from_end(0)), a.from_end(0)); }
constexpr Shape singular_values(Shape a) { return with_tail(a, lesser(a.from_end(1), a.from_end(0))); }
constexpr Shape eigenvalues(Shape a) { return with_tail(a, better_known(a.from_end(0), a.from_end(1))); }

/// At least as many rows as columns, as far as is known.
constexpr bool tall(Shape a) {
  return !a.from_end(0).is_static() || !a.from_end(1).is_static() || a.from_end(1).size >= a.from_end(0).size;
}

}  // namespace mushin::rules
