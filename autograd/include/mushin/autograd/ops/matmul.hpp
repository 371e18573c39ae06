#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/matmul.hpp"

namespace mushin::core {
/// Gradient: dA = dC B^T, dB = A^T dC, each summed over the batch axes that were broadcast.
MUSHIN_API Traced matmul(const Traced&, const Traced&);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
/// Ranks are those behind the mapped axes, of which the wholes have `maps` (a plain operand has none). With one matrix for all, the
/// mapped vectors of the other operand are the rows of one product.
MUSHIN_API Array matmul_each(const Array& a, unsigned rank_a, const Array& b, unsigned rank_b, unsigned maps);
MUSHIN_API Traced matmul_each(const Traced& a, unsigned rank_a, const Traced& b, unsigned rank_b, unsigned maps);

template <class A, class B>
auto matmul(const A& a, const B& b) {
  using H = common<A, B>;
  using To = all_maps<A, B>;
  return result<A, B>(matmul_each(H(broadcastable<To>(a, a.rank())), a.rank(), H(broadcastable<To>(b, b.rank())), b.rank(), To::count));
}
}  // namespace mushin::core::mapped
