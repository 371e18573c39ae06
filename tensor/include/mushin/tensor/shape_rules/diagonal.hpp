#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin::rules {

/// The elements of a diagonal `offset` above the main one (below, where negative).
constexpr std::int64_t diagonal_size(std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  const std::int64_t r = offset < 0 ? rows + offset : rows, c = offset > 0 ? columns - offset : columns, n = r < c ? r : c;
  return n > 0 ? n : 0;
}

/// The last two axes become one, behind the others.
constexpr Shape diagonal(Shape a, std::int64_t offset) {
  Shape out;
  for (unsigned i = 0; i + 2 < a.rank; ++i) out.push(a[i]);
  if (a.rank < 2) return out;
  const extent rows = a.from_end(1), columns = a.from_end(0);
  if (rows.is_static() && columns.is_static())
    out.push(extent{diagonal_size(rows.size, columns.size, offset)});
  else
    out.push(rows == columns && offset == 0 ? rows : dyn);
  return out;
}

/// Without the last two axes.
constexpr Shape trace(Shape a) {
  Shape out;
  for (unsigned i = 0; i + 2 < a.rank; ++i) out.push(a[i]);
  return out;
}

}  // namespace mushin::rules
