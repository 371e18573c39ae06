// The kernels of gemm.hpp for one element type, on vectors.
#if defined(MUSHIN_BUILTIN_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MUSHIN_BUILTIN_GEMM_INL_H_
#undef MUSHIN_BUILTIN_GEMM_INL_H_
#else
#define MUSHIN_BUILTIN_GEMM_INL_H_
#endif

#include <hwy/highway.h>
#include <stdint.h>

#include "gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace gemm {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of c that are kept in registers, by two vectors: 12 x 2 of 32 registers, 6 x 2 of 16.
#if HWY_TARGET == HWY_AVX3
constexpr int most_rows = 12;
#else
constexpr int most_rows = 6;
#endif

template <class T>
HWY_INLINE int64_t lanes() {
  return static_cast<int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

// R rows by W vectors of c, straight from a and b; of the last vector, `last` columns.
template <class T, int R, int W, bool kTail>
HWY_INLINE void block(T* c, const T* a, const T* b, int64_t last, const Product& p) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = lanes<T>();
  const auto m = hn::FirstN(t, static_cast<size_t>(last));
  V s[R][W];
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) s[r][w] = hn::Zero(t);
  for (int64_t i = 0; i < p.k; ++i, a += p.a_column, b += p.b_row) {
    V v[W];
    for (int w = 0; w < W; ++w) v[w] = kTail && w == W - 1 ? hn::MaskedLoad(m, t, b + w * L) : hn::LoadU(t, b + w * L);
    HWY_UNROLL(12)
    for (int r = 0; r < R; ++r) {
      const V x = hn::Set(t, a[r * p.a_row]);
      for (int w = 0; w < W; ++w) s[r][w] = hn::MulAdd(x, v[w], s[r][w]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) {
      T* to = c + r * p.c_row + w * L;
      const bool part = kTail && w == W - 1;
      if (p.add) s[r][w] = hn::Add(s[r][w], part ? hn::MaskedLoad(m, t, to) : hn::LoadU(t, to));
      if (part)
        hn::BlendedStore(s[r][w], m, t, to);
      else
        hn::StoreU(s[r][w], t, to);
    }
}

template <class T, int W, bool kTail>
void column(T* c, const T* a, const T* b, int64_t last, const Product& p) {
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
  const int64_t L = lanes<T>(), n = p.n;
  T* c = static_cast<T*>(p.c);
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  int64_t j = 0;
  for (; j + 2 * L <= n; j += 2 * L) column<T, 2, false>(c + j, a, b + j, L, p);
  if (n - j > L)
    column<T, 2, true>(c + j, a, b + j, n - j - L, p);
  else if (n - j == L)
    column<T, 1, false>(c + j, a, b + j, L, p);
  else if (n - j > 0)
    column<T, 1, true>(c + j, a, b + j, n - j, p);
}

// R rows by 2 vectors of c over packed panels.
template <class T, int R, bool kAdd>
HWY_INLINE void tile(T* c, int64_t c_row, const T* a, const T* b, int64_t depth) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const int64_t L = lanes<T>();
  V s[R][2];
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r) s[r][0] = s[r][1] = hn::Zero(t);
  for (int64_t i = 0; i < depth; ++i, a += most_rows, b += 2 * L) {
    const V v0 = hn::LoadU(t, b), v1 = hn::LoadU(t, b + L);
    HWY_UNROLL(12)
    for (int r = 0; r < R; ++r) {
      const V x = hn::Set(t, a[r]);
      s[r][0] = hn::MulAdd(x, v0, s[r][0]), s[r][1] = hn::MulAdd(x, v1, s[r][1]);
    }
  }
  HWY_UNROLL(12)
  for (int r = 0; r < R; ++r, c += c_row) {
    if (kAdd) s[r][0] = hn::Add(s[r][0], hn::LoadU(t, c)), s[r][1] = hn::Add(s[r][1], hn::LoadU(t, c + L));
    hn::StoreU(s[r][0], t, c), hn::StoreU(s[r][1], t, c + L);
  }
}

// The first `rows` rows of a panel, of which R are computed. Where not all is wanted, the tile goes to a buffer.
template <class T, int R>
HWY_NOINLINE void rows_tile(T* c, int64_t rows, int64_t columns, const T* a, const T* b, const PackedBlock& p) {
  const int64_t width = 2 * lanes<T>();
  if (rows == R && columns == width) {
    if (p.add)
      tile<T, R, true>(c, p.c_row, a, b, p.depth);
    else
      tile<T, R, false>(c, p.c_row, a, b, p.depth);
    return;
  }
  constexpr int most_lanes = HWY_MAX_BYTES / sizeof(T);
  HWY_ALIGN T buffer[R * 2 * most_lanes];
  tile<T, R, false>(buffer, width, a, b, p.depth);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j) {
      T* to = c + r * p.c_row + j;
      *to = p.add ? *to + buffer[r * width + j] : buffer[r * width + j];
    }
}
// By as few rows as there are kernels for.
template <class T>
HWY_INLINE void border_tile(T* c, int64_t rows, int64_t columns, const T* a, const T* b, const PackedBlock& p) {
  if (rows <= 2) return rows_tile<T, 2>(c, rows, columns, a, b, p);
  if (rows <= 4) return rows_tile<T, 4>(c, rows, columns, a, b, p);
  if (most_rows == 6 || rows <= 6) return rows_tile<T, 6>(c, rows, columns, a, b, p);
  if (rows <= 8) return rows_tile < T, most_rows == 6 ? 6 : 8 > (c, rows, columns, a, b, p);
  rows_tile<T, most_rows>(c, rows, columns, a, b, p);
}

template <class T>
void multiply(const PackedBlock& p) {
  const int64_t width = 2 * lanes<T>();
  T* c = static_cast<T*>(p.c);
  const T* b = static_cast<const T*>(p.b);
  for (int64_t j = 0; j < p.n; j += width, b += width * p.depth) {
    const int64_t columns = p.n - j < width ? p.n - j : width;
    const T* a = static_cast<const T*>(p.a);
    for (int64_t i = 0; i < p.m; i += most_rows, a += most_rows * p.depth) {
      const int64_t rows = p.m - i < most_rows ? p.m - i : most_rows;
      T* to = c + i * p.c_row + j;
      if (rows < most_rows || columns < width)
        border_tile(to, rows, columns, a, b, p);
      else if (p.add)
        tile<T, most_rows, true>(to, p.c_row, a, b, p.depth);
      else
        tile<T, most_rows, false>(to, p.c_row, a, b, p.depth);
    }
  }
}

// `wide` lines of a matrix side by side: to[i wide + j] = from[j line + i step] for i < depth, j < lines, and zeros up to wide.
template <class T>
HWY_INLINE void pack_panel(T* to, const T* from, int64_t wide, int64_t lines, int64_t depth, int64_t line, int64_t step) {
  if (lines < wide) {
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t j = 0; j < wide; ++j) to[i * wide + j] = j < lines ? from[j * line + i * step] : T{0};
  } else if (line == 1) {
    for (int64_t i = 0; i < depth; ++i, to += wide, from += step)
      for (int64_t j = 0; j < wide; ++j) to[j] = from[j];
  } else {
    constexpr int64_t few = 16;  // steps at once: a cache line of each line
    for (int64_t i = 0; i < depth; i += few) {
      const int64_t count = depth - i < few ? depth - i : few;
      for (int64_t j = 0; j < wide; ++j)
        for (int64_t s = 0; s < count; ++s) to[(i + s) * wide + j] = from[j * line + (i + s) * step];
    }
  }
}
// The same for four by four values at a time, where the lines are dense.
HWY_INLINE void pack_dense(float* to, const float* from, int64_t wide, int64_t depth, int64_t line) {
#if HWY_TARGET == HWY_SCALAR
  pack_panel(to, from, wide, wide, depth, line, int64_t{1});
#else
  const hn::CappedTag<float, 4> t;
  int64_t i = 0;
  for (; i + 4 <= depth; i += 4)
    for (int64_t j = 0; j < wide; j += 4) {
      const float* p = from + j * line + i;
      const auto r0 = hn::LoadU(t, p), r1 = hn::LoadU(t, p + line), r2 = hn::LoadU(t, p + 2 * line), r3 = hn::LoadU(t, p + 3 * line);
      const auto x0 = hn::InterleaveLower(t, r0, r2), x1 = hn::InterleaveLower(t, r1, r3);
      const auto x2 = hn::InterleaveUpper(t, r0, r2), x3 = hn::InterleaveUpper(t, r1, r3);
      float* q = to + i * wide + j;
      hn::StoreU(hn::InterleaveLower(t, x0, x1), t, q), hn::StoreU(hn::InterleaveUpper(t, x0, x1), t, q + wide);
      hn::StoreU(hn::InterleaveLower(t, x2, x3), t, q + 2 * wide), hn::StoreU(hn::InterleaveUpper(t, x2, x3), t, q + 3 * wide);
    }
  for (; i < depth; ++i)
    for (int64_t j = 0; j < wide; ++j) to[i * wide + j] = from[j * line + i];
#endif
}
template <class T>
HWY_INLINE void pack_lines(T* to, const T* from, int64_t wide, int64_t lines, int64_t depth, int64_t line, int64_t step) {
  if constexpr (sizeof(T) == 4)
    if (lines == wide && step == 1 && wide % 4 == 0) return pack_dense(to, from, wide, depth, line);
  pack_panel(to, from, wide, lines, depth, line, step);
}
template <class T>
void pack_a(void* to, const void* a, int64_t m, int64_t depth, int64_t row, int64_t column) {
  T* d = static_cast<T*>(to);
  int64_t i = 0;
  if (row == 1) {  // a transposed operand: all panels of a step at once, since far steps share the sets of a cache
    i = m / most_rows * most_rows;
    const T* from = static_cast<const T*>(a);
    for (int64_t s = 0; s < depth; ++s, from += column)
      for (int64_t r = 0; r < i; r += most_rows) {
        T* HWY_RESTRICT panel = d + r * depth + s * most_rows;
        const T* HWY_RESTRICT values = from + r;
        for (int64_t j = 0; j < most_rows; ++j) panel[j] = values[j];
      }
    d += i * depth;
  }
  for (; i < m; i += most_rows, d += most_rows * depth)
    pack_lines(d, static_cast<const T*>(a) + i * row, most_rows, m - i < most_rows ? m - i : most_rows, depth, row, column);
}
template <class T>
void pack_b(void* to, const void* b, int64_t depth, int64_t n, int64_t row, int64_t column) {
  T* d = static_cast<T*>(to);
  const int64_t width = 2 * lanes<T>();
  for (int64_t j = 0; j < n; j += width, d += width * depth)
    pack_lines(d, static_cast<const T*>(b) + j * column, width, n - j < width ? n - j : width, depth, column, row);
}

}  // namespace gemm
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
