#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "pool_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "pool_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace pool {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE int64_t lanes() {
  return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

// Steps that vectors are read at.
HWY_INLINE bool is_vector_step(int64_t step) { return step == 1 || (step == 2 && HWY_TARGET != HWY_SCALAR); }

// p[0], p[step], …, all of a vector; what is between them is read too, but nothing behind the last.
template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load(const T* p, [[maybe_unused]] int64_t step) {
  const hn::ScalableTag<T> t;
#if HWY_TARGET != HWY_SCALAR
  if (step == 2) {
    const auto low = hn::LoadU(t, p), high = hn::LoadU(t, p + lanes<T>() - 1);  // its odd elements are wanted
    return hn::ConcatUpperLower(t, hn::ConcatOdd(t, high, high), hn::ConcatEven(t, low, low));
  }
#endif
  return hn::LoadU(t, p);
}

// f(i, vector of x) for whole vectors, g(i) for the rest.
template <class T, class F, class G>
HWY_INLINE void each(const T* x, int64_t n, int64_t step, const F& f, const G& g) {
  int64_t i = 0;
  if (is_vector_step(step))
    for (const int64_t L = lanes<T>(); i + L <= n; i += L) f(i, load(x + i * step, step));
  for (; i < n; ++i) g(i);
}

template <class T>
void add(T* y, const T* x, int64_t n, int64_t step) {
  const hn::ScalableTag<T> t;
  each(
      x, n, step, [&](int64_t i, hn::Vec<decltype(t)> v) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(t, y + i), v), t, y + i); },
      [&](int64_t i) HWY_ATTR { y[i] += x[i * step]; });
}

template <class T>
void max(T* y, const T* x, int64_t n, int64_t step) {
  const hn::ScalableTag<T> t;
  each(
      x, n, step,
      [&](int64_t i, hn::Vec<decltype(t)> v) HWY_ATTR {
        const auto old = hn::LoadU(t, y + i);
        hn::StoreU(hn::IfThenElse(hn::Or(hn::Gt(v, old), hn::IsNaN(v)), v, old), t, y + i);
      },
      [&](int64_t i) HWY_ATTR {
        const T v = x[i * step];
        y[i] = v > y[i] || v != v ? v : y[i];
      });
}

template <class T>
void first_max(T* best, T* index, const T* x, int64_t n, int64_t step, T tap) {
  const hn::ScalableTag<T> t;
  each(
      x, n, step,
      [&](int64_t i, hn::Vec<decltype(t)> v) HWY_ATTR {
        const auto old = hn::LoadU(t, best + i), at = hn::LoadU(t, index + i);
        const auto first_nan = hn::AndNot(hn::IsNaN(old), hn::IsNaN(v));
        const auto take = hn::Or(hn::Or(hn::Gt(v, old), first_nan), hn::Lt(at, hn::Zero(t)));
        hn::StoreU(hn::IfThenElse(take, v, old), t, best + i), hn::StoreU(hn::IfThenElse(take, hn::Set(t, tap), at), t, index + i);
      },
      [&](int64_t i) HWY_ATTR {
        const T v = x[i * step];
        if (v > best[i] || (v != v && best[i] == best[i]) || index[i] < 0) best[i] = v, index[i] = tap;
      });
}

}  // namespace pool

void fill_pool_f32(PoolKernels<float>* k) { *k = {pool::add<float>, pool::max<float>, pool::first_max<float>}; }
void fill_pool_f64(PoolKernels<double>* k) { *k = {pool::add<double>, pool::max<double>, pool::first_max<double>}; }

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_pool_f32);
HWY_EXPORT(fill_pool_f64);
const PoolKernels<float>& pool_f32() {
  static const PoolKernels<float> kernels = [] {
    PoolKernels<float> k;
    HWY_DYNAMIC_DISPATCH(fill_pool_f32)(&k);
    return k;
  }();
  return kernels;
}
const PoolKernels<double>& pool_f64() {
  static const PoolKernels<double> kernels = [] {
    PoolKernels<double> k;
    HWY_DYNAMIC_DISPATCH(fill_pool_f64)(&k);
    return k;
  }();
  return kernels;
}
}  // namespace mushin::builtin
#endif
