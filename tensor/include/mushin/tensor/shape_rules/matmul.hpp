#pragma once
#include "mushin/tensor/shape_rules/broadcast.hpp"

namespace mushin::rules {

// (…, m, k) x (…, k, n) -> (…, m, n); a 1-D operand is a row (left) or a column (right), and its axis is dropped.

constexpr bool matmul_has_axes(Shape a, Shape b) { return a.rank > 0 && b.rank > 0; }

constexpr bool matmul_inner_matches(Shape a, Shape b) {
  return !matmul_has_axes(a, b) || may_equal(a.from_end(0), b.rank == 1 ? b[0] : b.from_end(1));
}

/// The axes in front of the last two.
constexpr Shape matmul_batch(Shape a) {
  Shape out;
  for (unsigned i = 0; i + 2 < a.rank; ++i) out.push(a[i]);
  return out;
}

constexpr bool matmul_batch_broadcasts(Shape a, Shape b) { return broadcasts(matmul_batch(a), matmul_batch(b)); }

/// The leading axes that must be equal at run time, counted from the last axis of the operands (so from bit 2).
constexpr unsigned matmul_batch_equal_at_run_time(Shape a, Shape b) { return equal_at_run_time(matmul_batch(a), matmul_batch(b)) << 2; }

constexpr Shape matmul(Shape a, Shape b) {
  if (!matmul_has_axes(a, b)) return {};
  Shape out = broadcast(matmul_batch(a), matmul_batch(b));
  if (a.rank > 1) out.push(a.from_end(1));
  if (b.rank > 1) out.push(b.from_end(0));
  return out;
}

}  // namespace mushin::rules
