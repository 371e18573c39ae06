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
};

struct GemmTable {
  void (*small)(const Product&);  // b's columns are neighbours; no blocking for caches
};
/// In the order of Type; no entry for bool.
const GemmTable& gemm_table(int type);

}  // namespace mushin::builtin
