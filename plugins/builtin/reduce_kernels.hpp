// Folding values of one type: along a row, or row onto row.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::builtin {

/// Kinds are numbered from 0: sum, prod, max, min. In max and min NaN wins.
struct FoldTable {
  /// *acc = *acc combined with all of p[0, n)
  void (*fold[4])(void* acc, const void* p, std::size_t n);
  /// The same of a line in pieces, with the same bits as in one, where the order matters: float sums and products. Null for others.
  /// Elements [at, at + n) of the line, to `lanes`, which begins as `lane_bytes` of neutral values; then *acc = *acc combined with these.
  void (*piece[2])(void* lanes, std::size_t at, const void* p, std::size_t n);
  void (*join[2])(void* acc, const void* lanes);
  static constexpr std::size_t lane_bytes = 1024;
  /// acc[i] = acc[i] combined with p[i], p[i + stride], … (`rows` of them, one after the other), for i < n
  void (*rows[4])(void* acc, const void* p, std::size_t stride, std::size_t rows, std::size_t n);
  /// Sums of four rows of p, read at once, so that short ones wait less for each other. Null where there is none.
  void (*sum4)(void* sums, const void* p, std::size_t stride, std::size_t n);
  /// max, min: where a value of p is better than *best, that value and its index (first + position); the first of equals.
  void (*arg[2])(void* best, std::int64_t* index, const void* p, std::size_t n, std::int64_t first);
  /// max, min: the same for each i < n with p[i], whose index is `row`.
  void (*arg_row[2])(void* best, std::int64_t* index, const void* p, std::size_t n, std::int64_t row);
};
/// In the order of Type; none for 16-bit floats.
const FoldTable& fold_table(int type);

}  // namespace mushin::builtin
