#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/pool.hpp"

namespace mushin::core {
/// Gradient: max_pool_backward.
MUSHIN_API Traced max_pool(const Traced& x, const PoolWindow*);
/// Gradient: max_pool_take to `dy`; where the greatest are does not change with x.
MUSHIN_API Traced max_pool_backward(const Array& x, const Traced& dy, const PoolWindow*);
/// Gradient: max_pool_backward.
MUSHIN_API Traced max_pool_take(const Array& x, const Traced& g, const PoolWindow*);
/// Gradients: each other.
MUSHIN_API Traced avg_pool(const Traced& x, const PoolWindow*);
MUSHIN_API Traced avg_pool_backward(const Traced& dy, const Sizes& x, const PoolWindow*);
/// That of means, or of products.
MUSHIN_API Traced adaptive_avg_pool(const Traced& x, const std::int64_t* to, unsigned axes);
}  // namespace mushin::core

// Batched forms, for mu::vmap: mapped axes are part of the batch.
namespace mushin::core::mapped {
MUSHIN_API Array max_pool_rows(const Array& x, const PoolWindow*, unsigned maps);
MUSHIN_API Traced max_pool_rows(const Traced& x, const PoolWindow*, unsigned maps);
MUSHIN_API Array avg_pool_rows(const Array& x, const PoolWindow*, unsigned maps);
MUSHIN_API Traced avg_pool_rows(const Traced& x, const PoolWindow*, unsigned maps);

template <class A>
auto max_pool(const A& x, const PoolWindow* window) {
  return x.with(max_pool_rows(x.whole(), window, A::count));
}
template <class A>
auto avg_pool(const A& x, const PoolWindow* window) {
  return x.with(avg_pool_rows(x.whole(), window, A::count));
}
template <class A>
auto adaptive_avg_pool(const A& x, const std::int64_t* to, unsigned axes) {
  return x.with(core::adaptive_avg_pool(x.whole(), to, axes));
}
}  // namespace mushin::core::mapped
