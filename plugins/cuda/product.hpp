// How a product of strided views is told to cuBLASLt, which counts by columns. Host code alone.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "mushin/plugin.h"

namespace mushin::cuda {

/// A matrix as cuBLASLt is told: `rows` x `columns`, each column dense, columns `leading` apart; to be transposed or not.
struct Layout {
  bool transposed;
  std::int64_t rows, columns, leading;
};

/// A matrix of ours, `rows` x `columns`, as the transpose of what it is by columns: what is dense in rows needs no transposition. None
/// where neither rows nor columns are dense.
inline std::optional<Layout> layout_of(std::int64_t rows, std::int64_t columns, std::int64_t row_stride, std::int64_t column_stride) {
  if ((column_stride == 1 || columns == 1) && (rows == 1 || row_stride >= columns))
    return Layout{false, columns, rows, std::max(rows == 1 ? 0 : row_stride, columns)};
  if ((row_stride == 1 || rows == 1) && (columns == 1 || column_stride >= rows))
    return Layout{true, rows, columns, std::max(columns == 1 ? 0 : column_stride, rows)};
  return std::nullopt;
}

/// The batch axes of a, b and the result: the innermost ones, as many as can be walked as one, are one call of `count`; of the others
/// each index is a call.
struct Batch {
  std::int64_t count = 1, step[3] = {0, 0, 0};
  int outer = 0;
  std::int64_t dim[MU_MAX_RANK] = {}, stride[3][MU_MAX_RANK] = {};

  std::int64_t calls() const {
    std::int64_t n = 1;
    for (int i = 0; i < outer; ++i) n *= dim[i];
    return n;
  }
  std::int64_t offset(int view, std::int64_t call) const {
    std::int64_t sum = 0;
    for (int i = outer - 1; i >= 0; --i) {
      sum += call % dim[i] * stride[view][i];
      call /= dim[i];
    }
    return sum;
  }
};

/// cuBLASLt counts a batch in 32 bits.
inline constexpr std::int64_t most_batch = INT32_MAX;

inline Batch batch_of(const mu_tensor& a, const mu_tensor& b, const mu_tensor& out) {
  const mu_tensor* views[3] = {&a, &b, &out};
  Batch batch;
  bool merging = true, first = true;
  for (int i = out.rank - 3; i >= 0; --i) {
    const std::int64_t n = out.dim[i];
    if (n == 1) continue;
    bool fits = merging && n * batch.count <= most_batch;
    for (int v = 0; fits && !first && v < 3; ++v) fits = views[v]->stride[i] == batch.step[v] * batch.count;
    if (fits) {
      if (first)
        for (int v = 0; v < 3; ++v) batch.step[v] = views[v]->stride[i];
      batch.count *= n;
      first = false;
      continue;
    }
    merging = false;
    std::copy_backward(batch.dim, batch.dim + batch.outer, batch.dim + batch.outer + 1);
    batch.dim[0] = n;
    for (int v = 0; v < 3; ++v) {
      std::copy_backward(batch.stride[v], batch.stride[v] + batch.outer, batch.stride[v] + batch.outer + 1);
      batch.stride[v][0] = views[v]->stride[i];
    }
    ++batch.outer;
  }
  return batch;
}

/// A view's dims, dense and row-major, of another element type.
inline mu_tensor dense_like(const mu_tensor& v, mu_dtype type) {
  mu_tensor d{};
  d.size = sizeof d, d.dtype = type, d.rank = v.rank;
  std::int64_t n = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    d.dim[i] = v.dim[i];
    d.stride[i] = n;
    n *= v.dim[i];
  }
  d.bytes = static_cast<std::uint64_t>(n) * mu_dtype_bytes(type);
  return d;
}

}  // namespace mushin::cuda
