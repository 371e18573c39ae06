// What gradient rules of reductions share: parameter 0 is the mask of the reduced axes.
#pragma once
#include "graph/pullback.hpp"
#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {

/// `sizes` with 1 in the reduced axes.
inline Sizes kept_sizes(Sizes sizes, unsigned axes) {
  for (unsigned i = 0; i < sizes.rank; ++i)
    if (axes >> i & 1) sizes.at[i] = 1;
  return sizes;
}
inline std::int64_t reduced_count(const Sizes& sizes, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < sizes.rank; ++i)
    if (axes >> i & 1) n *= sizes.at[i];
  return n;
}
inline unsigned axes_of(const Pullback& p) { return static_cast<unsigned>(p.parameter(0)); }

/// What has the result's shape, over the operand's.
inline Traced spread(const Pullback& p, const Traced& g) {
  return broadcast_to(reshape(g, kept_sizes(p.sizes(0), axes_of(p))), p.sizes(0));
}

}  // namespace mushin::core
