#pragma once
#include <algorithm>

#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/attention.hpp"

namespace mushin::core {
/// Gradient: from the scores, which are made once more; in one op where gradients of it aren't wanted in turn.
MUSHIN_API Traced attention(const Traced& q, const Traced& k, const Traced& v, const Array& bias, const AttentionForm&);
}  // namespace mushin::core

// Batched form, for mu::vmap.
namespace mushin::core::mapped {
template <class Q, class K, class V, class B>
auto attention(const Q& q, const K& k, const V& v, const B& bias, const AttentionForm& form) {
  using H = common<Q, K, V>;
  using To = all_maps<Q, K, V, B>;
  const unsigned rank = std::max({q.rank(), k.rank(), v.rank()});
  const auto all = [&](const auto& x) { return H(broadcastable<To>(x, rank)); };
  return result<Q, K, V, B>(core::attention(all(q), all(k), all(v), Array(broadcastable<To>(bias, rank)), form));
}
}  // namespace mushin::core::mapped
