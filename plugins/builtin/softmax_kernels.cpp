#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "softmax_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "math-inl.h"
#include "softmax_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace softmax {

HWY_INLINE int64_t lanes() { return static_cast<int64_t>(hn::Lanes(D())); }
HWY_INLINE V load(const float* p) { return hn::LoadU(D(), p); }
// The last, incomplete vector; `rest` in the other lanes.
HWY_INLINE V load_tail(hn::Mask<D> m, const float* p, V rest) { return hn::IfThenElse(m, hn::MaskedLoad(m, D(), p), rest); }
HWY_INLINE hn::Mask<D> tail(int64_t n) { return hn::FirstN(D(), static_cast<size_t>(n)); }
HWY_INLINE V maximum(V a, V b) { return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b); }  // NaN wins

HWY_INLINE float top_of(const float* x, int64_t n) {
  const int64_t L = lanes();
  V m0 = hn::Neg(hn::Inf(D())), m1 = m0;
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) m0 = maximum(m0, load(x + i)), m1 = maximum(m1, load(x + i + L));
  for (; i < n; i += L) m0 = maximum(m0, load_tail(tail(n - i < L ? n - i : L), x + i, m0));
  HWY_ALIGN float lane[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(maximum(m0, m1), D(), lane);
  float top = lane[0];
  for (int64_t k = 1; k < L; ++k) top = lane[k] > top || lane[k] != lane[k] ? lane[k] : top;
  return top;
}

// Sum of exp(x - top); kept in y where asked for.
template <bool kKeep>
HWY_INLINE V exp_sum(float* y, const float* x, V top, int64_t n) {
  const int64_t L = lanes();
  V s0 = hn::Zero(D()), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    const V e0 = exp_v(hn::Sub(load(x + i), top)), e1 = exp_v(hn::Sub(load(x + i + L), top));
    if (kKeep) hn::StoreU(e0, D(), y + i), hn::StoreU(e1, D(), y + i + L);
    s0 = hn::Add(s0, e0), s1 = hn::Add(s1, e1);
  }
  for (; i < n; i += L) {
    const auto m = tail(n - i < L ? n - i : L);
    const V e = exp_v(hn::Sub(hn::MaskedLoad(m, D(), x + i), top));
    if (kKeep) hn::BlendedStore(e, m, D(), y + i);
    s0 = hn::Add(s0, hn::IfThenElseZero(m, e));
  }
  return hn::SumOfLanes(D(), hn::Add(s0, s1));
}

// y[i] = f(a[i], b[i])
template <class F>
HWY_INLINE void each(float* y, const float* a, const float* b, int64_t n, F f) {
  const int64_t L = lanes();
  int64_t i = 0;
  for (; i + L <= n; i += L) hn::StoreU(f(load(a + i), load(b + i)), D(), y + i);
  if (i == n) return;
  const auto m = tail(n - i);
  hn::BlendedStore(f(hn::MaskedLoad(m, D(), a + i), hn::MaskedLoad(m, D(), b + i)), m, D(), y + i);
}
template <class F>
HWY_INLINE V sum_of(const float* a, const float* b, int64_t n, F f) {
  const int64_t L = lanes();
  V s0 = hn::Zero(D()), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) s0 = hn::Add(s0, f(load(a + i), load(b + i))), s1 = hn::Add(s1, f(load(a + i + L), load(b + i + L)));
  for (; i < n; i += L) {
    const auto m = tail(n - i < L ? n - i : L);
    s0 = hn::Add(s0, hn::IfThenElseZero(m, f(hn::MaskedLoad(m, D(), a + i), hn::MaskedLoad(m, D(), b + i))));
  }
  return hn::SumOfLanes(D(), hn::Add(s0, s1));
}

void forward(float* y, const float* x, const float*, int64_t n) {
  const V scale_by = hn::Div(set(1.0f), exp_sum<true>(y, x, set(top_of(x, n)), n));
  each(y, y, y, n, [&](V e, V) HWY_ATTR { return hn::Mul(e, scale_by); });
}
void log_forward(float* y, const float* x, const float*, int64_t n) {
  const V top = set(top_of(x, n)), shift = log_v(exp_sum<false>(y, x, top, n));
  each(y, x, x, n, [&](V v, V) HWY_ATTR { return hn::Sub(hn::Sub(v, top), shift); });
}
void backward(float* dx, const float* y, const float* dy, int64_t n) {
  const V dot = sum_of(y, dy, n, [](V a, V b) HWY_ATTR { return hn::Mul(a, b); });
  each(dx, y, dy, n, [&](V a, V b) HWY_ATTR { return hn::Mul(a, hn::Sub(b, dot)); });
}
void log_backward(float* dx, const float* y, const float* dy, int64_t n) {
  const V total = sum_of(dy, dy, n, [](V a, V) HWY_ATTR { return a; });
  each(dx, y, dy, n, [&](V a, V b) HWY_ATTR { return hn::Sub(b, hn::Mul(exp_v(a), total)); });
}

}  // namespace softmax

void fill_softmax(SoftmaxLine* t) {
  t[0] = softmax::forward, t[1] = softmax::log_forward, t[2] = softmax::backward, t[3] = softmax::log_backward;
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_softmax);
SoftmaxLine softmax_line(std::uint32_t kind) {
  struct Lines {
    SoftmaxLine of[4];
    Lines() { HWY_DYNAMIC_DISPATCH(fill_softmax)(of); }
  };
  static const Lines lines;
  return lines.of[kind];
}
}  // namespace mushin::builtin
#endif
