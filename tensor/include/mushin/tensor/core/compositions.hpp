#pragma once
// Ops that are nothing but other ops, written once for both algebras: `H` is core::Array or the autograd layer's core::Traced, which
// differentiates what it is made of. Included by the .cpp files that instantiate them, and by no other header.
#include <vector>

#include "mushin/tensor/ops/diagonal.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::compositions {

template <class H>
H stack(const H* parts, unsigned count, unsigned axis) {
  std::vector<H> wide;
  for (unsigned k = 0; k < count; ++k) {
    Sizes to;
    for (unsigned i = 0; i <= parts[k].rank(); ++i) {
      if (i == axis) to.push(1);
      if (i < parts[k].rank()) to.push(parts[k].sizes()[i]);
    }
    wide.push_back(reshape(parts[k], to));
  }
  return concat(wide.data(), count, axis, "stack");
}

// One axis after the other: what lies inside of it is copied as a whole.
template <class H>
H tile(const H& a, const Sizes& times) {
  Sizes to;
  for (unsigned i = a.rank(); i < times.rank; ++i) to.push(1);
  for (unsigned i = 0; i < a.rank(); ++i) to.push(a.sizes()[i]);
  H out = reshape(a, to);
  for (unsigned i = 0; i < times.rank; ++i) {
    const unsigned axis = to.rank - times.rank + i;
    if (times[i] == 1) continue;
    std::int64_t outer = 1, inner = 1;
    for (unsigned k = 0; k < to.rank; ++k) (k < axis ? outer : inner) *= to[k];
    to.at[axis] *= times[i];
    out = reshape(broadcast_to(reshape(out, {outer, 1, inner}), {outer, times[i], inner}), to);
  }
  return out;
}

template <class H>
H at(const H& a, unsigned axis, std::int64_t i) {
  Sizes to;
  for (unsigned k = 0; k < a.rank(); ++k)
    if (k != axis) to.push(a.sizes()[k]);
  return reshape(slice(a, axis, i, i + 1), to);
}

template <class H>
H take(const H& a, const Array& indices) {
  Sizes column{indices.sizes().count()}, rows = a.sizes(), to = indices.sizes();
  for (unsigned i = 1; i < a.rank(); ++i) {
    column.push(1);
    to.push(a.sizes()[i]);
  }
  rows.at[0] = column[0];
  return reshape(gather(a, 0u, broadcast_to(reshape(indices, column), rows)), to);
}

template <class H>
H trace(const H& a) {
  return sum(diagonal(a, 0), 1u << (a.rank() - 2), false);
}

inline const Array& value_behind(const Array& a) { return a; }
template <class H>
const Array& value_behind(const H& a) {
  return a.value();
}

template <class H>
H tril(const H& a, std::int64_t offset) {
  const Array height = height_above("tril", value_behind(a));
  return where(less_equal(height, literal(offset, dtype::i64)), a, literal(0, a.type()));
}

template <class H>
H triu(const H& a, std::int64_t offset) {
  const Array height = height_above("triu", value_behind(a));
  return where(greater_equal(height, literal(offset, dtype::i64)), a, literal(0, a.type()));
}

}  // namespace mushin::core::compositions
