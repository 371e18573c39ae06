#include "mushin/autograd/ops/matmul.hpp"

#include <algorithm>

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/ops/einsum.hpp"

namespace mushin::core {
namespace {

Sizes as_row(const Sizes& s) { return s.rank == 1 ? Sizes{1, s[0]} : s; }
Sizes as_column(const Sizes& s) { return s.rank == 1 ? Sizes{s[0], 1} : s; }
Traced shaped(const Traced& t, const Sizes& to) { return t.sizes() == to ? t : reshape(t, to); }
/// All axes but the last as one.
Traced rows(const Traced& t) {
  std::int64_t count = 1;
  for (unsigned i = 0; i + 1 < t.rank(); ++i) count *= t.sizes()[i];
  return t.rank() == 2 ? t : reshape(t, {count, t.sizes()[t.rank() - 1]});
}

/// The cotangent with the axes that 1-D operands dropped.
Traced lifted(const Traced& g, bool row_dropped, bool column_dropped) {
  if (!row_dropped && !column_dropped) return g;
  Sizes s = g.sizes();
  if (column_dropped) s.push(1);
  if (row_dropped) {
    s.push(s[s.rank - 1]);
    s.at[s.rank - 2] = 1;
  }
  return reshape(g, s);
}

/// a b; computed as (b^T a^T)^T where the result shall lie transposed in memory.
Traced product(const Traced& a, const Traced& b, bool transposed) {
  return transposed ? transpose(matmul(transpose(b), transpose(a))) : matmul(a, b);
}

/// dA = dC B^T, dB = A^T dC of matrices and stacks of them. A gradient lies in memory as its operand does: what then goes through
/// an operand's transpose is contiguous again.
template <bool TurnedA, bool TurnedB>
void pull_matrices(Pullback& p) {
  const Traced& g = p.cotangent();
  if (p.wants(0)) p.give(0, product(g, transpose(p.operand(1)), TurnedA));
  if (!p.wants(1)) return;
  const Traced a = p.operand(0);
  // Where one matrix met a stack: one product over all of it, instead of one for each and a sum.
  const bool flat = p.sizes(1).rank == 2 && a.rank() > 2;
  p.give(1, flat ? product(transpose(rows(a)), rows(g), TurnedB) : product(transpose(a), g, TurnedB));
}

/// The same with a 1-D operand seen as a row (left) or a column (right).
void pull_vectors(Pullback& p) {
  // An operand's shape is known from its value where the other's gradient keeps it, else from the graph.
  const bool to_a = p.wants(0), to_b = p.wants(1);
  const Traced a = to_b ? p.operand(0) : Traced(), b = to_a ? p.operand(1) : Traced();
  const Sizes a_sizes = to_b ? a.sizes() : p.sizes(0), b_sizes = to_a ? b.sizes() : p.sizes(1);
  const Traced g = lifted(p.cotangent(), a_sizes.rank == 1, b_sizes.rank == 1);
  if (to_a) {
    const Traced d = matmul(g, transpose(shaped(b, as_column(b_sizes))));
    p.give(0, a_sizes.rank == 1 ? reshape(sum_to(d, as_row(a_sizes)), a_sizes) : d);
  }
  if (!to_b) return;
  const Traced left = shaped(a, as_row(a_sizes));
  const Traced d = b_sizes.rank == 1 ? matmul(transpose(rows(left)), rows(g)) : sum_to(matmul(transpose(left), g), b_sizes);
  p.give(1, shaped(d, b_sizes));
}

}  // namespace

Traced matmul(const Traced& a, const Traced& b) {
  static constexpr Rule vectors{"matmul", {{2, 1}}, pull_vectors};
  static constexpr Rule matrices[2][2] = {
      {{"matmul", {{2, 1}}, pull_matrices<false, false>}, {"matmul", {{2, 1}}, pull_matrices<false, true>}},
      {{"matmul", {{2, 1}}, pull_matrices<true, false>}, {"matmul", {{2, 1}}, pull_matrices<true, true>}}};
  const bool flat = a.rank() < 2 || b.rank() < 2;
  const Rule& rule = flat ? vectors : matrices[lies_transposed(a.value())][lies_transposed(b.value())];
  return record(rule, matmul(a.value(), b.value()), a, b);
}

namespace {

enum class As { matrices, row, column };

/// Behind the mapped axes 1s up to `rank`; a vector as a matrix.
template <class H>
H seen_as(const H& whole, unsigned own, As as, unsigned rank) {
  if (whole.rank() == own) return whole;  // the product broadcasts it
  const unsigned maps = whole.rank() - own, vector = as == As::matrices ? 0 : 1;
  Sizes to;
  for (unsigned i = 0; i < maps; ++i) to.push(whole.sizes()[i]);
  for (unsigned i = own + vector; i < rank; ++i) to.push(1);
  if (as == As::row) to.push(1);
  for (unsigned i = maps; i < whole.rank(); ++i) to.push(whole.sizes()[i]);
  if (as == As::column) to.push(1);
  return to == whole.sizes() ? whole : reshape(whole, to);
}

template <class H>
H product_each(const H& a, unsigned rank_a, const H& b, unsigned rank_b, unsigned maps) {
  const bool same_a = a.rank() == rank_a, same_b = b.rank() == rank_b;
  if (same_b && rank_a == 1 && rank_b <= 2) return matmul(a, b);
  if (same_a && rank_b == 1 && rank_a <= 2) return matmul(b, rank_a == 2 ? transpose(a) : a);
  const unsigned rank = std::max({rank_a, rank_b, 2u});
  check_rank("matmul", maps + rank);
  const bool row = rank_a == 1 && !same_a, column = rank_b == 1 && !same_b;
  const H c = matmul(seen_as(a, rank_a, row ? As::row : As::matrices, rank), seen_as(b, rank_b, column ? As::column : As::matrices, rank));
  if (!row && !column) return c;
  Sizes to = c.sizes();
  const std::int64_t last = to[to.rank - 1];
  to.rank -= row && column ? 2 : 1;
  if (!column) to.at[to.rank - 1] = last;
  return reshape(c, to);
}

}  // namespace

namespace mapped {

Array matmul_each(const Array& a, unsigned rank_a, const Array& b, unsigned rank_b, unsigned maps) {
  return product_each(a, rank_a, b, rank_b, maps);
}
Traced matmul_each(const Traced& a, unsigned rank_a, const Traced& b, unsigned rank_b, unsigned maps) {
  return product_each(a, rank_a, b, rank_b, maps);
}

}  // namespace mapped

}  // namespace mushin::core
