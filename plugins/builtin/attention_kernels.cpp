#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <math.h>
#include <stdint.h>

#include "attention_kernels.hpp"
#include "math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace attention {

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Vec = hn::Vec<Tag<T>>;
template <class T>
HWY_INLINE int64_t lanes() {
  return static_cast<int64_t>(hn::Lanes(Tag<T>()));
}

HWY_INLINE Vec<float> exp_of(Vec<float> x) { return exp_v(x); }
HWY_INLINE Vec<double> exp_of(Vec<double> x) {
  HWY_ALIGN double lane[HWY_MAX_BYTES / sizeof(double)];
  hn::Store(x, Tag<double>(), lane);
  for (int64_t i = 0; i < lanes<double>(); ++i) lane[i] = ::exp(lane[i]);
  return hn::Load(Tag<double>(), lane);
}

// f(i, mask) for the vectors along n values, of which the last one may be incomplete.
template <class T, class F>
HWY_INLINE void walk(int64_t n, F f) {
  const Tag<T> t;
  const int64_t L = lanes<T>();
  int64_t i = 0;
  const auto whole = hn::FirstN(t, static_cast<size_t>(L));
  for (; i + L <= n; i += L) f(i, whole);
  if (i < n) f(i, hn::FirstN(t, static_cast<size_t>(n - i)));
}

template <class T>
HWY_INLINE Vec<T> score(const ScoreRow<T>& r, int64_t i, hn::Mask<Tag<T>> m) {
  const Tag<T> t;
  const Vec<T> x = hn::Mul(hn::MaskedLoad(m, t, r.s + i), hn::Set(t, r.scale));
  return r.bias ? hn::Add(x, hn::MaskedLoad(m, t, r.bias + i)) : x;
}

template <class T>
void hide_rest(const ScoreRow<T>& r, T* s) {
  for (int64_t i = r.n; i < r.all; ++i) s[i] = 0;
}

template <class T>
T weigh(const ScoreRow<T>& r, T& top, T& sum) {
  const Tag<T> t;
  Vec<T> highest = hn::Set(t, top);
  walk<T>(r.n, [&](int64_t i, auto m) HWY_ATTR {
    const Vec<T> x = score(r, i, m);
    hn::BlendedStore(x, m, t, r.s + i);
    const auto wins = hn::And(m, hn::Or(hn::Gt(x, highest), hn::IsNaN(x)));
    highest = hn::IfThenElse(wins, x, highest);
  });
  HWY_ALIGN T lane[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(highest, t, lane);
  T now = top;
  for (int64_t k = 0; k < lanes<T>(); ++k) now = lane[k] > now || lane[k] != lane[k] ? lane[k] : now;
  const T base = now == -static_cast<T>(HUGE_VAL) ? T{0} : now;  // all hidden so far
  Vec<T> total = hn::Zero(t);
  walk<T>(r.n, [&](int64_t i, auto m) HWY_ATTR {
    const Vec<T> e = hn::IfThenElseZero(m, exp_of(hn::Sub(hn::MaskedLoad(m, t, r.s + i), hn::Set(t, base))));
    hn::BlendedStore(e, m, t, r.s + i);
    total = hn::Add(total, e);
  });
  hide_rest(r, r.s);
  const T kept = hn::GetLane(exp_of(hn::Set(t, top - base)));
  sum = sum * kept + hn::GetLane(hn::SumOfLanes(t, total)), top = now;
  return kept;
}

template <class T>
void weigh_backward(const ScoreRow<T>& r, T* ds, T lse, T dot) {
  const Tag<T> t;
  const Vec<T> less = hn::Set(t, lse), mean = hn::Set(t, dot), scale = hn::Set(t, r.scale);
  walk<T>(r.n, [&](int64_t i, auto m) HWY_ATTR {
    const Vec<T> e = exp_of(hn::Sub(score(r, i, m), less));
    hn::BlendedStore(e, m, t, r.s + i);
    hn::BlendedStore(hn::Mul(hn::Mul(e, hn::Sub(hn::MaskedLoad(m, t, ds + i), mean)), scale), m, t, ds + i);
  });
  hide_rest(r, r.s), hide_rest(r, ds);
}

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  const Tag<T> t;
  Vec<T> s = hn::Zero(t);
  walk<T>(n, [&](int64_t i, auto m) HWY_ATTR { s = hn::Add(s, hn::Mul(hn::MaskedLoad(m, t, a + i), hn::MaskedLoad(m, t, b + i))); });
  return hn::GetLane(hn::SumOfLanes(t, s));
}

template <class T>
void scale(T* y, T by, int64_t n) {
  const Tag<T> t;
  walk<T>(n, [&](int64_t i, auto m) HWY_ATTR { hn::BlendedStore(hn::Mul(hn::MaskedLoad(m, t, y + i), hn::Set(t, by)), m, t, y + i); });
}

template <class T>
AttentionKernels<T> all() {
  return {weigh<T>, weigh_backward<T>, dot<T>, scale<T>};
}

}  // namespace attention

void fill_attention(AttentionKernels<float>& f, AttentionKernels<double>& d) { f = attention::all<float>(), d = attention::all<double>(); }

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_attention);
namespace {
struct Both {
  AttentionKernels<float> f;
  AttentionKernels<double> d;
  Both() { HWY_DYNAMIC_DISPATCH(fill_attention)(f, d); }
};
const Both& both() {
  static const Both kernels;
  return kernels;
}
}  // namespace
const AttentionKernels<float>& attention_f32() { return both().f; }
const AttentionKernels<double>& attention_f64() { return both().d; }
}  // namespace mushin::builtin
#endif
