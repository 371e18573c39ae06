#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/diagonal.hpp"

// Gradients are the adjoint moves: onto the diagonal and off it, the same triangle of the cotangent.
namespace mushin::core {
MUSHIN_API Traced diagonal(const Traced&, std::int64_t offset);
MUSHIN_API Traced place_diagonal(const Traced&, std::int64_t rows, std::int64_t columns, std::int64_t offset);
MUSHIN_API Traced trace(const Traced&);
MUSHIN_API Traced tril(const Traced&, std::int64_t offset);
MUSHIN_API Traced triu(const Traced&, std::int64_t offset);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto diagonal(const A& a, std::int64_t offset) {
  return a.with(core::diagonal(a.whole(), offset));
}
template <class A>
auto tril(const A& a, std::int64_t offset) {
  return a.with(core::tril(a.whole(), offset));
}
template <class A>
auto triu(const A& a, std::int64_t offset) {
  return a.with(core::triu(a.whole(), offset));
}
template <class A>
auto trace(const A& a) {
  return a.with(core::trace(a.whole()));
}
}  // namespace mushin::core::mapped
