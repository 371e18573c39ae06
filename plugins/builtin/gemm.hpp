// Products of matrices of one element type.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::builtin {

/// c (m x n) = a (m x k) b (k x n); strides in elements: of a both, of b and c between rows. c does not overlap a or b.
struct Product {
  void* c;
  const void *a, *b;
  std::int64_t m, n, k, c_row, a_row, a_column, b_row;
  bool add = false;  // to c, else c is overwritten; of floats, by `small` alone
};

/// A block of the packed product: panels of `rows` rows of a, and of `columns` columns of b, over `depth` of the inner axis.
struct PackedBlock {
  void* c;
  const void *a, *b;  // packed
  std::int64_t m, n, depth, c_row;
  bool add;  // to c, else c is overwritten
};

/// Kernels of one element type; the functions take all sizes, also 0.
struct GemmTable {
  /// b's columns are neighbours. No blocking for caches.
  void (*small)(const Product&);
  /// The same for few rows of a and a large b, which is read once, in order.
  void (*few_rows)(const Product&);
  /// y[i] = sum over j of matrix[i row + j] x[j], i < m, j < k
  void (*dots)(void* y, const void* matrix, const void* x, std::int64_t m, std::int64_t k, std::int64_t row);

  /// Panels for `multiply`: the last one is filled up with zeros. A panel holds, for each step of the inner axis, panel_rows values
  /// (of a; panel_columns of b) that are neighbours.
  void (*pack_a)(void* to, const void* a, std::int64_t m, std::int64_t depth, std::int64_t row, std::int64_t column);
  void (*pack_b)(void* to, const void* b, std::int64_t depth, std::int64_t n, std::int64_t row, std::int64_t column);
  void (*multiply)(const PackedBlock&);
  std::int64_t panel_rows, panel_columns;
};
/// In the order of Type; f32, f64, i64 and i32 only.
const GemmTable& gemm_table(int type);

/// A matrix where it lies, with any strides in elements.
struct Matrix {
  char* data;
  std::int64_t row, column;
};
/// Called for each part of c, once it is complete, on the thread that made it.
struct Finish {
  void (*part)(const void* arg, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns);
  const void* arg;
};

/// c = a b with the threads of the host. c: `column` or `row` is 1, or the extent there is 1; it overlaps neither a nor b.
/// type: one of gemm_table. `finish` may be null. Throws std::bad_alloc.
void multiply(int type, const Matrix& a, const Matrix& b, const Matrix& c, std::int64_t m, std::int64_t n, std::int64_t k,
              const Finish* finish);

}  // namespace mushin::builtin
