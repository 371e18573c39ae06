#include "mushin/tensor/ops/diagonal.hpp"

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/compositions.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

void check_matrix(const char* op, const Array& a) {
  if (a.rank() < 2) fail<ShapeError>("[{}] needs two axes: {}", op, text_of(a.sizes()));
}

// The numbers 0, 1, … along one of the last two axes of `a`.
Array indices(const Array& a, bool down) {
  const std::int64_t n = a.sizes()[a.rank() - (down ? 2 : 1)];
  const Array counted = counting(n, a.device());
  return down ? reshape(counted, {n, 1}) : counted;
}

}  // namespace

Array diagonal(const Array& a, std::int64_t offset) {
  check_matrix("diagonal", a);
  const unsigned rank = a.rank();
  Sizes to = a.sizes();
  to.rank = rank - 2;
  to.push(rules::diagonal_size(a.sizes()[rank - 2], a.sizes()[rank - 1], offset));
  if (is_literal(node_of(a))) return literal_like(node_of(a), to);
  const Array stored = buffer_of(a);
  Node* v = new_view(node_of(stored));
  const std::int64_t down = v->stride[rank - 2], right = v->stride[rank - 1];
  v->sizes = to;
  v->stride[rank - 2] = down + right;
  if (to[rank - 2] > 0) v->offset += static_cast<std::uint64_t>(offset > 0 ? offset * right : -offset * down) * bytes_of(v->type);
  finish_view(v);
  return Array(v);
}

Array place_diagonal(const Array& a, std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  Sizes to = a.sizes();
  if (to.rank == 0 || to.rank == max_rank || to[to.rank - 1] != rules::diagonal_size(rows, columns, offset))
    fail<ShapeError>("[place_diagonal] {} is no diagonal of ({}, {})", text_of(to), rows, columns);
  to.at[to.rank - 1] = rows;
  to.push(columns);
  const Array made = filled("place_diagonal", a.device(), a.type(), to, checked_count("place_diagonal", to), 0, true);
  if (a.sizes().count() == 0) return made;
  const Array stored = buffer_of(a, a.device()), line = diagonal(made, offset);
  mu_tensor from, into;
  view_of(from, node_of(stored));
  view_of(into, node_of(line));
  copy("place_diagonal", made.device(), from, into);
  return made;
}

Array trace(const Array& a) {
  check_matrix("trace", a);
  return compositions::trace(a);
}

Array height_above(const char* op, const Array& like) {
  check_matrix(op, like);
  return sub(indices(like, false), indices(like, true));
}

Array tril(const Array& a, std::int64_t offset) { return compositions::tril(a, offset); }
Array triu(const Array& a, std::int64_t offset) { return compositions::triu(a, offset); }

}  // namespace mushin::core
