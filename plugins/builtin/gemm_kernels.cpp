#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gemm_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "gemm.hpp"
#include "loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace gemm {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3
constexpr int most_rows = 12;  // x 2 vectors, in 32 registers
#else
constexpr int most_rows = 6;
#endif

// R rows by W vectors of c in registers; of the last vector, `last` columns.
template <class T, int R, int W, bool kTail>
HWY_INLINE void block(T* c, const T* a, const T* b, size_t last, const Product& p) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const size_t L = hn::Lanes(t);
  const auto m = hn::FirstN(t, last);
  V s[R][W];
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) s[r][w] = hn::Zero(t);
  for (int64_t i = 0; i < p.k; ++i, a += p.a_column, b += p.b_row) {
    V v[W];
    for (int w = 0; w < W; ++w)
      v[w] = kTail && w == W - 1 ? hn::MaskedLoad(m, t, b + static_cast<size_t>(w) * L) : hn::LoadU(t, b + static_cast<size_t>(w) * L);
    for (int r = 0; r < R; ++r) {
      const V x = hn::Set(t, a[r * p.a_row]);
      for (int w = 0; w < W; ++w) s[r][w] = hn::MulAdd(x, v[w], s[r][w]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) {
      T* to = c + r * p.c_row + static_cast<int64_t>(static_cast<size_t>(w) * L);
      if (kTail && w == W - 1)
        hn::BlendedStore(s[r][w], m, t, to);
      else
        hn::StoreU(s[r][w], t, to);
    }
}

template <class T, int W, bool kTail>
void column(T* c, const T* a, const T* b, size_t last, const Product& p) {
  int64_t i = 0;
  for (; i + most_rows <= p.m; i += most_rows) block<T, most_rows, W, kTail>(c + i * p.c_row, a + i * p.a_row, b, last, p);
  if constexpr (most_rows > 8)
    for (; i + 8 <= p.m; i += 8) block<T, 8, W, kTail>(c + i * p.c_row, a + i * p.a_row, b, last, p);
  for (; i + 4 <= p.m; i += 4) block<T, 4, W, kTail>(c + i * p.c_row, a + i * p.a_row, b, last, p);
  c += i * p.c_row, a += i * p.a_row;
  switch (p.m - i) {
    case 3:
      return block<T, 3, W, kTail>(c, a, b, last, p);
    case 2:
      return block<T, 2, W, kTail>(c, a, b, last, p);
    case 1:
      return block<T, 1, W, kTail>(c, a, b, last, p);
    default:
      return;
  }
}

template <class T>
void small(const Product& p) {
  const size_t L = hn::Lanes(hn::ScalableTag<T>());
  const auto n = static_cast<size_t>(p.n);
  T* c = static_cast<T*>(p.c);
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  size_t j = 0;
  for (; j + 2 * L <= n; j += 2 * L) column<T, 2, false>(c + j, a, b + j, L, p);
  if (n - j > L)
    column<T, 2, true>(c + j, a, b + j, n - j - L, p);
  else if (n - j == L)
    column<T, 1, false>(c + j, a, b + j, L, p);
  else if (n - j > 0)
    column<T, 1, true>(c + j, a, b + j, n - j, p);
}

void small_i64(const Product& p) {
  uint64_t* c = static_cast<uint64_t*>(p.c);
  const uint64_t *a = static_cast<const uint64_t*>(p.a), *b = static_cast<const uint64_t*>(p.b);
  for (int64_t i = 0; i < p.m; ++i, c += p.c_row) {
    for (int64_t j = 0; j < p.n; ++j) c[j] = 0;
    for (int64_t l = 0; l < p.k; ++l) {
      const uint64_t x = a[i * p.a_row + l * p.a_column];
      const uint64_t* from = b + l * p.b_row;
      MUSHIN_INDEPENDENT
      for (int64_t j = 0; j < p.n; ++j) c[j] += x * from[j];
    }
  }
}

}  // namespace gemm

void fill_gemm(GemmTable* t) {  // in the order of Type
  t[0].small = gemm::small<float>, t[1].small = gemm::small<double>, t[2].small = gemm::small_i64;
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_gemm);
const GemmTable& gemm_table(int type) {
  struct Tables {
    GemmTable of[3];
    Tables() { HWY_DYNAMIC_DISPATCH(fill_gemm)(of); }
  };
  static const Tables tables;
  return tables.of[type];
}
}  // namespace mushin::builtin
#endif
