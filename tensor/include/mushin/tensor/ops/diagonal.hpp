#pragma once
#include "mushin/tensor/shape_rules/diagonal.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
// Of the last two axes; `offset`: how far above the main diagonal. ShapeError for arrays of fewer axes.
/// A view whose last axis is the diagonal.
MUSHIN_API Array diagonal(const Array&, std::int64_t offset);
/// Zeros (…, rows, columns) with the array on that diagonal: the adjoint of diagonal.
MUSHIN_API Array place_diagonal(const Array&, std::int64_t rows, std::int64_t columns, std::int64_t offset);
MUSHIN_API Array trace(const Array&);
/// 0 above the diagonal, or below it.
MUSHIN_API Array tril(const Array&, std::int64_t offset);
MUSHIN_API Array triu(const Array&, std::int64_t offset);
/// How far above the main diagonal each element of a matrix like that is: i64 (rows, columns), column - row.
MUSHIN_API Array height_above(const char* op, const Array& like);
}  // namespace mushin::core

namespace mushin {

/// The diagonal of the last two axes, `Offset` above the main one (below, where negative): (…, n, m) -> (…, length). A view. Gradient: the
/// cotangent on that diagonal, amid zeros.
template <std::int64_t Offset = 0, TensorLike A>
auto diagonal(const A& a) {
  static_assert(A::extents.rank >= 2, "[diagonal] needs at least two axes");
  using core::diagonal;
  return detail::made<typename A::element, rules::diagonal(A::extents, Offset)>(diagonal(a.raw(), Offset));
}

/// Sum of the main diagonal of the last two axes: (…, n, m) -> (…). Not bool; integers give std::int64_t. Gradient: the cotangent on the
/// diagonal, amid zeros.
template <TensorLike A>
auto trace(const A& a) {
  static_assert(A::extents.rank >= 2, "[trace] needs at least two axes");
  static_assert(number_elements<A>, "[trace] needs numbers, not bool: cast with .to<float>()");
  using core::trace;
  return detail::made<detail::sum_of<typename A::element>, rules::trace(A::extents)>(trace(a.raw()));
}

/// The lower triangle of the last two axes, up to `offset` above the main diagonal; 0 elsewhere, whatever stood there. Gradient: the lower
/// triangle of the cotangent.
template <TensorLike A>
auto tril(const A& a, std::int64_t offset = 0) {
  static_assert(A::extents.rank >= 2, "[tril] needs at least two axes");
  using core::tril;
  return detail::like<A>(tril(a.raw(), offset));
}

/// The upper triangle of the last two axes, from `offset` above the main diagonal on; 0 elsewhere, whatever stood there. Gradient: the
/// upper triangle of the cotangent.
template <TensorLike A>
auto triu(const A& a, std::int64_t offset = 0) {
  static_assert(A::extents.rank >= 2, "[triu] needs at least two axes");
  using core::triu;
  return detail::like<A>(triu(a.raw(), offset));
}

}  // namespace mushin
