// Products with vectors, and with a few rows, whose cost is reading the matrix.
#if defined(MUSHIN_BUILTIN_GEMV_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MUSHIN_BUILTIN_GEMV_INL_H_
#undef MUSHIN_BUILTIN_GEMV_INL_H_
#else
#define MUSHIN_BUILTIN_GEMV_INL_H_
#endif

#include <hwy/highway.h>
#include <stdint.h>

#include "gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace gemv {
namespace hn = hwy::HWY_NAMESPACE;

// R rows of the matrix at once.
template <class T, int R>
HWY_INLINE void dot_rows(T* y, const T* a, const T* x, int64_t k, int64_t row) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  V s[R][2];
  for (int r = 0; r < R; ++r) s[r][0] = s[r][1] = hn::Zero(t);
  int64_t i = 0;
  for (; i + 2 * L <= k; i += 2 * L) {
    const V x0 = hn::LoadU(t, x + i), x1 = hn::LoadU(t, x + i + L);
    for (int r = 0; r < R; ++r) {
      s[r][0] = hn::MulAdd(hn::LoadU(t, a + r * row + i), x0, s[r][0]);
      s[r][1] = hn::MulAdd(hn::LoadU(t, a + r * row + i + L), x1, s[r][1]);
    }
  }
  for (; i < k; i += L) {
    const auto m = hn::FirstN(t, static_cast<size_t>(k - i < L ? k - i : L));
    const V x0 = hn::MaskedLoad(m, t, x + i);
    for (int r = 0; r < R; ++r) s[r][0] = hn::MulAdd(hn::MaskedLoad(m, t, a + r * row + i), x0, s[r][0]);
  }
  for (int r = 0; r < R; ++r) y[r] = hn::GetLane(hn::SumOfLanes(t, hn::Add(s[r][0], s[r][1])));
}

template <class T>
void dots(void* yv, const void* matrix, const void* xv, int64_t m, int64_t k, int64_t row) {
  T* y = static_cast<T*>(yv);
  const T *a = static_cast<const T*>(matrix), *x = static_cast<const T*>(xv);
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) dot_rows<T, 4>(y + i, a + i * row, x, k, row);
  for (; i < m; ++i) dot_rows<T, 1>(y + i, a + i * row, x, k, row);
}

// c += the next R steps of the inner axis.
template <class T, int R>
HWY_INLINE void add_steps(T* c, const T* a, const T* b, int64_t n, int64_t a_column, int64_t b_row) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = static_cast<int64_t>(hn::Lanes(t));
  V x[R];
  for (int r = 0; r < R; ++r) x[r] = hn::Set(t, a[r * a_column]);
  int64_t j = 0;
  for (; j + L <= n; j += L) {
    V s = hn::LoadU(t, c + j);
    for (int r = 0; r < R; ++r) s = hn::MulAdd(x[r], hn::LoadU(t, b + r * b_row + j), s);
    hn::StoreU(s, t, c + j);
  }
  if (j == n) return;
  const auto m = hn::FirstN(t, static_cast<size_t>(n - j));
  V s = hn::MaskedLoad(m, t, c + j);
  for (int r = 0; r < R; ++r) s = hn::MulAdd(x[r], hn::MaskedLoad(m, t, b + r * b_row + j), s);
  hn::BlendedStore(s, m, t, c + j);
}

template <class T>
void few_rows(const Product& p) {
  T* c = static_cast<T*>(p.c);
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) c[i * p.c_row + j] = T{0};
  int64_t l = 0;
  for (; l + 8 <= p.k; l += 8)
    for (int64_t i = 0; i < p.m; ++i)
      add_steps<T, 8>(c + i * p.c_row, a + i * p.a_row + l * p.a_column, b + l * p.b_row, p.n, p.a_column, p.b_row);
  for (; l < p.k; ++l)
    for (int64_t i = 0; i < p.m; ++i)
      add_steps<T, 1>(c + i * p.c_row, a + i * p.a_row + l * p.a_column, b + l * p.b_row, p.n, p.a_column, p.b_row);
}

}  // namespace gemv
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
