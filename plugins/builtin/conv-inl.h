// The kernels of conv_kernels.hpp for one element type, on vectors.
#if defined(MUSHIN_BUILTIN_CONV_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MUSHIN_BUILTIN_CONV_INL_H_
#undef MUSHIN_BUILTIN_CONV_INL_H_
#else
#define MUSHIN_BUILTIN_CONV_INL_H_
#endif

#include <hwy/highway.h>
#include <stdint.h>

#include "conv_kernels.hpp"
#include "gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace conv {
namespace hn = hwy::HWY_NAMESPACE;

// May write up to a vector behind the stretch: what comes there is written later.
template <class T>
HWY_INLINE void copy_dense(T* to, const T* from, int64_t n) {
  const hn::ScalableTag<T> t;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  int64_t j = 0;
  for (; j + L <= n; j += L) hn::StoreU(hn::LoadU(t, from + j), t, to + j);
#if HWY_MEM_OPS_MIGHT_FAULT
  for (; j < n; ++j) to[j] = from[j];
#else
  if (j < n) hn::StoreU(hn::MaskedLoad(hn::FirstN(t, static_cast<size_t>(n - j)), t, from + j), t, to + j);
#endif
}

template <class T>
void unfold(void* out, const ConvUnfolding& u, int64_t begin, int64_t end) {
  T* to = static_cast<T*>(out);
  const T* from = static_cast<const T*>(u.source) + begin / u.n_taps * u.channel;
  int64_t tap = begin % u.n_taps;
  for (int64_t i = begin; i < end; ++i, to += u.pitch) {
    const ConvTapStretches& s = u.taps[tap];
    if (!s.whole)
      for (int64_t j = 0; j < u.width; ++j) to[j] = T{0};
    for (const ConvStretch *p = u.stretches + s.first, *last = p + s.count; p < last; ++p) {
      if (u.step == 1)
        copy_dense(to + p->to, from + p->from, p->count);
      else
        for (int64_t j = 0; j < p->count; ++j) to[p->to + j] = from[p->from + j * u.step];
    }
    if (++tap == u.n_taps) tap = 0, from += u.channel;
  }
}

template <class T, int R>
HWY_INLINE void add_tile(T* c, const T* a, const T* b, const ConvRows& p) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  V s[R][2];
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r) s[r][0] = s[r][1] = hn::Zero(t);
  for (int64_t i = 0; i < p.depth; ++i, ++a, b += 2 * L) {
    const V v0 = hn::LoadU(t, b), v1 = hn::LoadU(t, b + L);
    HWY_UNROLL(12)
    for (int r = 0; r < R; ++r) {
      const V x = hn::Set(t, a[r * p.a_row]);
      s[r][0] = hn::MulAdd(x, v0, s[r][0]), s[r][1] = hn::MulAdd(x, v1, s[r][1]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r, c += p.c_row) {
    hn::StoreU(hn::Add(s[r][0], hn::LoadU(t, c)), t, c);
    hn::StoreU(hn::Add(s[r][1], hn::LoadU(t, c + L)), t, c + L);
  }
}

template <class T>
void add_rows(const ConvRows& p) {
  const int64_t width = 2 * gemm::lanes<T>();
  const T* b = static_cast<const T*>(p.b);
  for (int64_t j = 0; j < p.n; j += width, b += width * p.depth) {
    T* c = static_cast<T*>(p.c) + j;
    const T* a = static_cast<const T*>(p.a);
    int64_t i = 0;
    for (; i + gemm::most_rows <= p.m; i += gemm::most_rows) add_tile<T, gemm::most_rows>(c + i * p.c_row, a + i * p.a_row, b, p);
    for (; i + 4 <= p.m; i += 4) add_tile<T, 4>(c + i * p.c_row, a + i * p.a_row, b, p);
    for (; i < p.m; ++i) add_tile<T, 1>(c + i * p.c_row, a + i * p.a_row, b, p);
  }
}

}  // namespace conv
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
