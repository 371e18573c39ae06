#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/einsum.hpp"

namespace mushin::core {
/// Made of differentiable ops.
MUSHIN_API Traced einsum(const Traced* operands, const rules::Subscripts& s);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
/// Each of the first `maps` axes is one more letter, in front of the others.
MUSHIN_API Array einsum_each(const Array* wholes, const rules::Subscripts& s, unsigned maps);
MUSHIN_API Traced einsum_each(const Traced* wholes, const rules::Subscripts& s, unsigned maps);

template <class H, class... M>
auto einsum(const Mapped<H, M...>* operands, const rules::Subscripts& s) {
  std::vector<H> wholes;
  for (unsigned i = 0; i < s.count; ++i) wholes.push_back(operands[i].whole());
  return operands->with(einsum_each(wholes.data(), s, sizeof...(M)));
}
}  // namespace mushin::core::mapped
