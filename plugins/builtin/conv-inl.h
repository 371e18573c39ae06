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

// R rows by W vectors of the panel.
template <class T, int R, int W>
HWY_INLINE void add_tile(T* c, const T* a, const T* b, const ConvRows& p) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  V s[R][W];
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) s[r][w] = hn::Zero(t);
  for (int64_t i = 0; i < p.depth; ++i, ++a, b += 2 * L) {
    V v[W];
    for (int w = 0; w < W; ++w) v[w] = hn::LoadU(t, b + w * L);
    HWY_UNROLL(12)
    for (int r = 0; r < R; ++r) {
      const V x = hn::Set(t, a[r * p.a_row]);
      for (int w = 0; w < W; ++w) s[r][w] = hn::MulAdd(x, v[w], s[r][w]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r, c += p.c_row)
    for (int w = 0; w < W; ++w) hn::StoreU(hn::Add(s[r][w], hn::LoadU(t, c + w * L)), t, c + w * L);
}

template <class T, int W>
HWY_INLINE void add_panel(T* c, const T* b, const ConvRows& p) {
  const T* a = static_cast<const T*>(p.a);
  int64_t i = 0;
  for (; i + gemm::most_rows <= p.m; i += gemm::most_rows) add_tile<T, gemm::most_rows, W>(c + i * p.c_row, a + i * p.a_row, b, p);
  for (; i + 4 <= p.m; i += 4) add_tile<T, 4, W>(c + i * p.c_row, a + i * p.a_row, b, p);
  for (; i < p.m; ++i) add_tile<T, 1, W>(c + i * p.c_row, a + i * p.a_row, b, p);
}
template <class T>
void add_rows(const ConvRows& p) {
  const int64_t width = 2 * gemm::lanes<T>();
  const T* b = static_cast<const T*>(p.b);
  T* c = static_cast<T*>(p.c);
  for (int64_t j = 0; j < p.n; j += width, b += width * p.depth) {
    if (2 * (p.n - j) <= width)
      add_panel<T, 1>(c + j, b, p);
    else
      add_panel<T, 2>(c + j, b, p);
  }
}

// Neighbours at steps of 1 or 2: all of a vector, nothing behind the last.
template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load_steps(const T* p, [[maybe_unused]] int64_t step) {
  const hn::ScalableTag<T> t;
#if HWY_TARGET != HWY_SCALAR
  if (step == 2) {
    const auto low = hn::LoadU(t, p), high = hn::LoadU(t, p + hn::Lanes(t) - 1);  // its odd elements are wanted
    return hn::ConcatUpperLower(t, hn::ConcatOdd(t, high, high), hn::ConcatEven(t, low, low));
  }
#endif
  return hn::LoadU(t, p);
}

// R rows by W vectors of a line. Writes whole vectors.
template <class T, int R, int W>
HWY_INLINE void line_tile(T* y, const T* x, const ConvLines& p) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  const T* w = static_cast<const T*>(p.w);
  V s[R][W];
  for (int r = 0; r < R; ++r)
    for (int k = 0; k < W; ++k) s[r][k] = hn::Zero(t);
  for (int64_t i = 0; i < p.depth; ++i, w += R) {
    const T* from = x + p.offset[i];
    V v[W];
    for (int k = 0; k < W; ++k) v[k] = load_steps(from + k * L * p.x_step, p.x_step);
    for (int r = 0; r < R; ++r) {
      const V weight = hn::Set(t, w[r]);
      for (int k = 0; k < W; ++k) s[r][k] = hn::MulAdd(weight, v[k], s[r][k]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int k = 0; k < W; ++k) hn::StoreU(s[r][k], t, y + r * p.y_row + k * L);
}

template <class T, int R>
void lines(const ConvLines& p) {
  constexpr int most = R <= 2 ? 4 : 2;  // vectors at once
  const int64_t L = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  for (int64_t l = 0; l < p.lines; ++l) {
    T* y = static_cast<T*>(p.y) + l * p.n;
    const T* x = static_cast<const T*>(p.x) + l * p.x_line;
    int64_t j = 0;
    for (; p.n - j > (most - 1) * L; j += most * L) line_tile<T, R, most>(y + j, x + j * p.x_step, p);
    if (most == 4 && p.n - j > L) line_tile<T, R, 2>(y + j, x + j * p.x_step, p), j += 2 * L;
    for (; j < p.n; j += L) line_tile<T, R, 1>(y + j, x + j * p.x_step, p);
  }
}

template <class T>
void dots(const ConvDots& p) {
  const hn::ScalableTag<T> t;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  const bool vectors = p.x_step == 1 || (p.x_step == 2 && HWY_TARGET != HWY_SCALAR);
  auto s0 = hn::Zero(t), s1 = s0;
  T rest = 0;
  for (int64_t l = 0; l < p.lines; ++l) {
    const T *y = static_cast<const T*>(p.y) + l * p.y_line, *x = static_cast<const T*>(p.x) + l * p.x_line;
    int64_t j = 0;
    for (; vectors && j + 2 * L <= p.n; j += 2 * L) {
      s0 = hn::MulAdd(hn::LoadU(t, y + j), load_steps(x + j * p.x_step, p.x_step), s0);
      s1 = hn::MulAdd(hn::LoadU(t, y + j + L), load_steps(x + (j + L) * p.x_step, p.x_step), s1);
    }
    for (; vectors && j + L <= p.n; j += L) s0 = hn::MulAdd(hn::LoadU(t, y + j), load_steps(x + j * p.x_step, p.x_step), s0);
#if !HWY_MEM_OPS_MIGHT_FAULT
    if (p.x_step == 1 && j < p.n) {
      const auto m = hn::FirstN(t, static_cast<size_t>(p.n - j));
      s1 = hn::MulAdd(hn::MaskedLoad(m, t, y + j), hn::MaskedLoad(m, t, x + j), s1);
      continue;
    }
#endif
    for (; j < p.n; ++j) rest += y[j] * x[j * p.x_step];
  }
  *static_cast<T*>(p.sum) += rest + hn::GetLane(hn::SumOfLanes(t, hn::Add(s0, s1)));
}

}  // namespace conv
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
