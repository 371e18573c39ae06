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

// Less than two vectors; only what is copied is touched in `from` (`copy_in`) or in `to` (`copy_out`).
template <class T>
HWY_INLINE void copy_in(T* to, const T* from, int64_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  for (int64_t j = 0; j < n; ++j) to[j] = from[j];
#else
  const hn::ScalableTag<T> t;
  for (int64_t j = 0, L = lanes<T>(); j < n; j += L)
    hn::StoreU(hn::MaskedLoad(hn::FirstN(t, static_cast<size_t>(n - j < L ? n - j : L)), t, from + j), t, to + j);
#endif
}
template <class T>
HWY_INLINE void copy_out(T* to, const T* from, int64_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  for (int64_t j = 0; j < n; ++j) to[j] = from[j];
#else
  const hn::ScalableTag<T> t;
  for (int64_t j = 0, L = lanes<T>(); j < n; j += L)
    hn::BlendedStore(hn::LoadU(t, from + j), hn::FirstN(t, static_cast<size_t>(n - j < L ? n - j : L)), t, to + j);
#endif
}

// Where b is to be taken for a: it is greater, or the first NaN.
template <class W>
HWY_INLINE auto wins(W b, W a) {
  return hn::Or(hn::Gt(b, a), hn::AndNot(hn::IsNaN(a), hn::IsNaN(b)));
}

// A vector of windows of two by two.
template <class T>
struct Quads {
  using Vector = hn::Vec<hn::ScalableTag<T>>;
  using Mask = hn::Mask<hn::ScalableTag<T>>;
  Mask right_above, right_below, below;  // which is the first greatest: of each row, and of the two
  Vector greatest;

  HWY_INLINE Quads(const T* a, const T* b) {
    Vector a0, a1, b0, b1;
    hn::LoadInterleaved2(hn::ScalableTag<T>(), a, a0, a1), hn::LoadInterleaved2(hn::ScalableTag<T>(), b, b0, b1);
    right_above = wins(a1, a0), right_below = wins(b1, b0);
    const Vector first = hn::IfThenElse(right_above, a1, a0), second = hn::IfThenElse(right_below, b1, b0);
    below = wins(second, first), greatest = hn::IfThenElse(below, second, first);
  }
};

template <class T>
HWY_INLINE void max_of_quads(T* y, const T* a, const T* b) {
  hn::StoreU(Quads<T>(a, b).greatest, hn::ScalableTag<T>(), y);
}
template <class T>
void quad_max(T* y, const T* a, const T* b, int64_t n) {
  constexpr size_t most = hn::MaxLanes(hn::ScalableTag<T>());
  const int64_t L = lanes<T>();
  int64_t i = 0;
  for (; i + L <= n; i += L) max_of_quads(y + i, a + 2 * i, b + 2 * i);
  if (i == n) return;
  HWY_ALIGN T above[2 * most] = {}, below[2 * most] = {}, top[most];
  copy_in(above, a + 2 * i, 2 * (n - i)), copy_in(below, b + 2 * i, 2 * (n - i));
  max_of_quads(top, above, below);
  copy_out(y + i, top, n - i);
}

template <class T>
HWY_INLINE void spread_over_quads(T* da, T* db, const T* a, const T* b, const T* dy) {
  const hn::ScalableTag<T> t;
  const Quads<T> q(a, b);
  const auto g = hn::LoadU(t, dy), up = hn::IfThenZeroElse(q.below, g), down = hn::IfThenElseZero(q.below, g);
  hn::StoreInterleaved2(hn::IfThenZeroElse(q.right_above, up), hn::IfThenElseZero(q.right_above, up), t, da);
  hn::StoreInterleaved2(hn::IfThenZeroElse(q.right_below, down), hn::IfThenElseZero(q.right_below, down), t, db);
}
template <class T>
void quad_backward(T* da, T* db, const T* a, const T* b, const T* dy, int64_t n) {
  constexpr size_t most = hn::MaxLanes(hn::ScalableTag<T>());
  const int64_t L = lanes<T>();
  int64_t i = 0;
  for (; i + L <= n; i += L) spread_over_quads(da + 2 * i, db + 2 * i, a + 2 * i, b + 2 * i, dy + i);
  if (i == n) return;
  HWY_ALIGN T above[2 * most] = {}, below[2 * most] = {}, g[most] = {}, to_above[2 * most], to_below[2 * most];
  copy_in(above, a + 2 * i, 2 * (n - i)), copy_in(below, b + 2 * i, 2 * (n - i)), copy_in(g, dy + i, n - i);
  spread_over_quads(to_above, to_below, above, below, g);
  copy_out(da + 2 * i, to_above, 2 * (n - i)), copy_out(db + 2 * i, to_below, 2 * (n - i));
}

}  // namespace pool

void fill_pool_f32(PoolKernels<float>* k) {
  *k = {pool::add<float>, pool::max<float>, pool::first_max<float>, pool::quad_max<float>, pool::quad_backward<float>};
}
void fill_pool_f64(PoolKernels<double>* k) {
  *k = {pool::add<double>, pool::max<double>, pool::first_max<double>, pool::quad_max<double>, pool::quad_backward<double>};
}

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
