#pragma once
// Means over parts of axes that need not divide, written once for both algebras as in compositions.hpp.
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
/// (to, n): the mean from floor(i n / to) to ceil((i + 1) n / to) is row i of a product with it.
MUSHIN_API Array averaging_matrix(std::int64_t n, std::int64_t to, dtype, Device*);
}  // namespace mushin::core

namespace mushin::core::compositions {

/// One axis, not the last, by a product.
template <class H>
H averaged(const H& x, unsigned axis, const Array& matrix) {
  const unsigned last = x.rank() - 1;
  if (axis == last) return matmul(x, H(transpose(matrix)));
  unsigned order[max_rank];
  for (unsigned i = 0; i <= last; ++i) order[i] = i == axis ? last : i == last ? axis : i;
  return permute(matmul(permute(x, order), H(transpose(matrix))), order);
}

/// Where all axes divide, one mean over parts of them; else axis by axis.
template <class H>
H adaptive_avg_pool(const H& x, const std::int64_t* to, unsigned axes) {
  const unsigned first = x.rank() - axes;
  Sizes parts, result;
  bool divides = x.rank() + axes <= max_rank;
  unsigned within = 0;
  for (unsigned i = 0; i < x.rank(); ++i) {
    const std::int64_t n = x.sizes()[i], left = i < first ? n : to[i - first];
    result.push(left), parts.push(left);
    if (i < first) continue;
    divides = divides && n > 0 && n % left == 0;
    within |= 1u << parts.rank;
    parts.push(n / left);
  }
  if (divides) return reshape(mean(reshape(x, parts), within, false), result);
  H out = x;
  for (unsigned i = 0; i < axes; ++i)
    if (to[i] != x.sizes()[first + i]) out = averaged(out, first + i, averaging_matrix(x.sizes()[first + i], to[i], x.type(), x.device()));
  return out;
}

}  // namespace mushin::core::compositions
