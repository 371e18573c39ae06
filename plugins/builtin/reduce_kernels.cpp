#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reduce_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "loops-inl.h"
#include "reduce_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace folding {
namespace hn = hwy::HWY_NAMESPACE;

// Lane by lane, for what has no instruction of its own.
template <class F, class T, class D, class V>
HWY_INLINE T over_lanes(D t, V v) {
  const size_t L = hn::Lanes(t);
  HWY_ALIGN T lane[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, t, lane);
  for (size_t half = L / 2; half > 0; half /= 2)
    for (size_t j = 0; j < half; ++j) lane[j] = F::s(lane[j], lane[j + half]);
  return lane[0];
}

// Highway's emulated vectors start their own maximum at the lowest finite value, which -inf is below.
#if HWY_TARGET == HWY_EMU128
constexpr bool lanes_know_infinity = false;
#else
constexpr bool lanes_know_infinity = true;
#endif

// Each kind: on vectors and on single values, and over the lanes of a vector.
struct Sum {
  static constexpr int start = 0;
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> lanes(D t, V v) {
    return hn::GetLane(hn::SumOfLanes(t, v));
  }
  template <class V>
  static HWY_INLINE V v(V a, V b) {
    return hn::Add(a, b);
  }
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return a + b;
  }
};
struct Prod {
  static constexpr int start = 1;
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> lanes(D t, V v) {
    return over_lanes<Prod, hn::TFromD<D>>(t, v);
  }
  template <class V>
  static HWY_INLINE V v(V a, V b) {
    return hn::Mul(a, b);
  }
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return a * b;
  }
};
struct Max {
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> lanes(D t, V v) {
    if (lanes_know_infinity && HWY_LIKELY(hn::AllFalse(t, hn::IsNaN(v)))) return hn::GetLane(hn::MaxOfLanes(t, v));
    return over_lanes<Max, hn::TFromD<D>>(t, v);
  }
  template <class V>
  static HWY_INLINE V v(V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
  }
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> lanes(D t, V v) {
    if (lanes_know_infinity && HWY_LIKELY(hn::AllFalse(t, hn::IsNaN(v)))) return hn::GetLane(hn::MinOfLanes(t, v));
    return over_lanes<Min, hn::TFromD<D>>(t, v);
  }
  template <class V>
  static HWY_INLINE V v(V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b);
  }
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return a < b || a != a ? a : b;
  }
};
// Whole numbers, wrapping.
struct WrapSum {
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct WrapProd {
  template <class T>
  static HWY_INLINE T s(T a, T b) {
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct Either {
  static HWY_INLINE uint8_t s(uint8_t a, uint8_t b) { return a | b; }
};
struct Both {
  static HWY_INLINE uint8_t s(uint8_t a, uint8_t b) { return a & b; }
};

template <class T, class F>
void fold(void* accv, const void* pv, size_t n) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  T* acc = static_cast<T*>(accv);
  const T* p = static_cast<const T*>(pv);
  const size_t L = hn::Lanes(t);
  size_t i = 0;
  if (n >= L) {
    V s0 = hn::LoadU(t, p);
    i = L;
    if (n >= 4 * L) {
      V s1 = hn::LoadU(t, p + L), s2 = hn::LoadU(t, p + 2 * L), s3 = hn::LoadU(t, p + 3 * L);
      for (i = 4 * L; i + 4 * L <= n; i += 4 * L) {
        s0 = F::v(s0, hn::LoadU(t, p + i)), s1 = F::v(s1, hn::LoadU(t, p + i + L));
        s2 = F::v(s2, hn::LoadU(t, p + i + 2 * L)), s3 = F::v(s3, hn::LoadU(t, p + i + 3 * L));
      }
      s0 = F::v(F::v(s0, s1), F::v(s2, s3));
    }
    for (; i + L <= n; i += L) s0 = F::v(s0, hn::LoadU(t, p + i));
    *acc = F::s(*acc, F::lanes(t, s0));
  }
  for (; i < n; ++i) *acc = F::s(*acc, p[i]);
}

// One row after the other in each column, however many are given at once.
template <class T, class F>
void rows(void* accv, const void* pv, size_t stride, size_t count, size_t n) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  T* acc = static_cast<T*>(accv);
  const T* p = static_cast<const T*>(pv);
  const size_t L = hn::Lanes(t);
  size_t r = 0;
  for (; r + 4 <= count; r += 4, p += 4 * stride) {
    const T *q = p + stride, *u = q + stride, *w = u + stride;
    size_t i = 0;
    for (; i + L <= n; i += L) {
      const V s = F::v(F::v(hn::LoadU(t, acc + i), hn::LoadU(t, p + i)), hn::LoadU(t, q + i));
      hn::StoreU(F::v(F::v(s, hn::LoadU(t, u + i)), hn::LoadU(t, w + i)), t, acc + i);
    }
    for (; i < n; ++i) acc[i] = F::s(F::s(F::s(F::s(acc[i], p[i]), q[i]), u[i]), w[i]);
  }
  for (; r < count; ++r, p += stride) {
    size_t i = 0;
    for (; i + L <= n; i += L) hn::StoreU(F::v(hn::LoadU(t, acc + i), hn::LoadU(t, p + i)), t, acc + i);
    for (; i < n; ++i) acc[i] = F::s(acc[i], p[i]);
  }
}

// Floats are added (multiplied) in 4 L lanes, element i of a line in lane i mod 4 L, and the lanes at the end: so a line has the same bits
// in one piece and in many, however it is read.

template <class F, class D, class T>
HWY_INLINE hn::Vec<D> first(D t, const T* p, size_t n) {
// Vectors of one lane load it in any case.
#if HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_SCALAR
  HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(hn::Set(t, T{F::start}), t, some);
  for (size_t i = 0; i < n; ++i) some[i] = p[i];
  return hn::Load(t, some);
#else
  const auto those = hn::FirstN(t, n);
  if (F::start == 0) return hn::MaskedLoad(those, t, p);
  return hn::IfThenElse(those, hn::MaskedLoad(those, t, p), hn::Set(t, T{F::start}));
#endif
}
// The end of a line, shorter than 4 L.
template <class F, class D, class T, class V>
HWY_INLINE void add_rest(D t, const T* p, size_t n, V& s0, V& s1, V& s2, V& s3) {
  const size_t L = hn::Lanes(t);
  if (n < L) {
    s0 = F::v(s0, first<F>(t, p, n));
    return;
  }
  s0 = F::v(s0, hn::LoadU(t, p));
  if (n < 2 * L) {
    s1 = F::v(s1, first<F>(t, p + L, n - L));
    return;
  }
  s1 = F::v(s1, hn::LoadU(t, p + L));
  if (n < 3 * L) {
    s2 = F::v(s2, first<F>(t, p + 2 * L, n - 2 * L));
    return;
  }
  s2 = F::v(s2, hn::LoadU(t, p + 2 * L)), s3 = F::v(s3, first<F>(t, p + 3 * L, n - 3 * L));
}
template <class F, class D, class V>
HWY_INLINE hn::TFromD<D> over_all(D t, V s0, V s1, V s2, V s3) {
  return F::lanes(t, F::v(F::v(s0, s1), F::v(s2, s3)));
}

template <class T, class F>
void line(void* accv, const void* pv, size_t n) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  const T* p = static_cast<const T*>(pv);
  const size_t L = hn::Lanes(t);
  V s0 = hn::Set(t, T{F::start}), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    s0 = F::v(s0, hn::LoadU(t, p + i)), s1 = F::v(s1, hn::LoadU(t, p + i + L));
    s2 = F::v(s2, hn::LoadU(t, p + i + 2 * L)), s3 = F::v(s3, hn::LoadU(t, p + i + 3 * L));
  }
  add_rest<F>(t, p + i, n - i, s0, s1, s2, s3);
  T* acc = static_cast<T*>(accv);
  *acc = F::s(*acc, over_all<F>(t, s0, s1, s2, s3));
}

template <class T, class F>
void piece(void* lanesv, size_t at, const void* pv, size_t n) {
  static_assert(4 * HWY_MAX_BYTES <= FoldTable::lane_bytes);
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  T* lane = static_cast<T*>(lanesv);
  const T* p = static_cast<const T*>(pv);
  const size_t L = hn::Lanes(t), all = 4 * L;
  at %= all;
  size_t i = 0;
  for (; i < n && at % L != 0; ++i, ++at) lane[at] = F::s(lane[at], p[i]);
  for (at %= all; at != 0 && i + L <= n; i += L, at = (at + L) % all)
    hn::Store(F::v(hn::Load(t, lane + at), hn::LoadU(t, p + i)), t, lane + at);
  if (at == 0 && i + all <= n) {
    V s0 = hn::Load(t, lane), s1 = hn::Load(t, lane + L), s2 = hn::Load(t, lane + 2 * L), s3 = hn::Load(t, lane + 3 * L);
    for (; i + all <= n; i += all) {
      s0 = F::v(s0, hn::LoadU(t, p + i)), s1 = F::v(s1, hn::LoadU(t, p + i + L));
      s2 = F::v(s2, hn::LoadU(t, p + i + 2 * L)), s3 = F::v(s3, hn::LoadU(t, p + i + 3 * L));
    }
    hn::Store(s0, t, lane), hn::Store(s1, t, lane + L), hn::Store(s2, t, lane + 2 * L), hn::Store(s3, t, lane + 3 * L);
  }
  for (; i + L <= n; i += L, at += L) hn::Store(F::v(hn::Load(t, lane + at), hn::LoadU(t, p + i)), t, lane + at);
  for (; i < n; ++i, ++at) lane[at] = F::s(lane[at], p[i]);
}

template <class T, class F>
void join(void* accv, const void* lanesv) {
  const hn::ScalableTag<T> t;
  const T* lane = static_cast<const T*>(lanesv);
  const size_t L = hn::Lanes(t);
  T* acc = static_cast<T*>(accv);
  *acc = F::s(*acc, over_all<F>(t, hn::Load(t, lane), hn::Load(t, lane + L), hn::Load(t, lane + 2 * L), hn::Load(t, lane + 3 * L)));
}

template <class T>
void sum4(void* sumsv, const void* pv, size_t stride, size_t n) {
  const hn::ScalableTag<T> t;
  using V = hn::Vec<decltype(t)>;
  T* sums = static_cast<T*>(sumsv);
  const T *p = static_cast<const T*>(pv), *q = p + stride, *u = q + stride, *w = u + stride;
  const size_t L = hn::Lanes(t);
  V p0 = hn::Zero(t), p1 = p0, p2 = p0, p3 = p0, q0 = p0, q1 = p0, q2 = p0, q3 = p0;
  V u0 = p0, u1 = p0, u2 = p0, u3 = p0, w0 = p0, w1 = p0, w2 = p0, w3 = p0;
  const auto four = [t, L](const T* from, V& s0, V& s1, V& s2, V& s3) HWY_ATTR {
    s0 = hn::Add(s0, hn::LoadU(t, from)), s1 = hn::Add(s1, hn::LoadU(t, from + L));
    s2 = hn::Add(s2, hn::LoadU(t, from + 2 * L)), s3 = hn::Add(s3, hn::LoadU(t, from + 3 * L));
  };
  size_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L)
    four(p + i, p0, p1, p2, p3), four(q + i, q0, q1, q2, q3), four(u + i, u0, u1, u2, u3), four(w + i, w0, w1, w2, w3);
  add_rest<Sum>(t, p + i, n - i, p0, p1, p2, p3), add_rest<Sum>(t, q + i, n - i, q0, q1, q2, q3);
  add_rest<Sum>(t, u + i, n - i, u0, u1, u2, u3), add_rest<Sum>(t, w + i, n - i, w0, w1, w2, w3);
  sums[0] = over_all<Sum>(t, p0, p1, p2, p3), sums[1] = over_all<Sum>(t, q0, q1, q2, q3);
  sums[2] = over_all<Sum>(t, u0, u1, u2, u3), sums[3] = over_all<Sum>(t, w0, w1, w2, w3);
}

// The compiler may reorder these by itself.
template <class T, class F>
void whole_fold(void* accv, const void* pv, size_t n) {
  const T* p = static_cast<const T*>(pv);
  T acc = *static_cast<T*>(accv);
  for (size_t i = 0; i < n; ++i) acc = F::s(acc, p[i]);
  *static_cast<T*>(accv) = acc;
}
template <class T, class F>
void whole_rows(void* accv, const void* pv, size_t stride, size_t count, size_t n) {
  T* acc = static_cast<T*>(accv);
  const T* p = static_cast<const T*>(pv);
  for (size_t r = 0; r < count; ++r, p += stride) {
    MUSHIN_INDEPENDENT
    for (size_t i = 0; i < n; ++i) acc[i] = F::s(acc[i], p[i]);
  }
}

template <class T, class F>
HWY_INLINE bool better(T a, T b) {  // NaN is better than all but NaN
  return b == b && (a != a || (a != b && F::s(a, b) == a));
}
// Where the first value is that equals `wanted`, or is NaN as it is. There is one.
template <class T>
HWY_INLINE size_t find(const T* p, size_t n, T wanted) {
  const auto is_it = [wanted](T x) HWY_ATTR { return x == wanted || (wanted != wanted && x != x); };
  constexpr size_t some = 64;
  size_t i = 0;
  for (; i + some <= n; i += some) {
    unsigned any = 0;
    for (size_t j = 0; j < some; ++j) any |= is_it(p[i + j]);
    if (any) break;
  }
  while (!is_it(p[i])) ++i;
  return i;
}

template <class T, class F, void (*fold_all)(void*, const void*, size_t)>
void arg(void* bestv, int64_t* index, const void* pv, size_t n, int64_t first) {
  const T* p = static_cast<const T*>(pv);
  T& best = *static_cast<T*>(bestv);
  if (n == 0) return;
  T top = p[0];
  fold_all(&top, p, n);
  if (!better<T, F>(top, best)) return;
  best = top;
  const size_t i = find(p, n, top);
  *index = first + static_cast<int64_t>(i);
}
template <class T, class F>
void arg_row(void* bestv, int64_t* index, const void* pv, size_t n, int64_t row) {
  T* best = static_cast<T*>(bestv);
  const T* p = static_cast<const T*>(pv);
  for (size_t i = 0; i < n; ++i) {
    const bool take = better<T, F>(p[i], best[i]);
    best[i] = take ? p[i] : best[i];
    index[i] = take ? row : index[i];
  }
}

template <class T>
void fill_float(FoldTable& f) {
  f.fold[0] = line<T, Sum>, f.fold[1] = line<T, Prod>, f.fold[2] = fold<T, Max>, f.fold[3] = fold<T, Min>;
  f.rows[0] = rows<T, Sum>, f.rows[1] = rows<T, Prod>, f.rows[2] = rows<T, Max>, f.rows[3] = rows<T, Min>;
  f.piece[0] = piece<T, Sum>, f.piece[1] = piece<T, Prod>;
  f.join[0] = join<T, Sum>, f.join[1] = join<T, Prod>;
  f.sum4 = sum4<T>;
  f.arg[0] = arg<T, Max, fold<T, Max>>, f.arg[1] = arg<T, Min, fold<T, Min>>;
  f.arg_row[0] = arg_row<T, Max>, f.arg_row[1] = arg_row<T, Min>;
}
template <class T, class Sum, class Prod>
void fill_whole(FoldTable& f) {
  f.fold[0] = whole_fold<T, Sum>, f.fold[1] = whole_fold<T, Prod>, f.fold[2] = whole_fold<T, Max>, f.fold[3] = whole_fold<T, Min>;
  f.rows[0] = whole_rows<T, Sum>, f.rows[1] = whole_rows<T, Prod>, f.rows[2] = whole_rows<T, Max>, f.rows[3] = whole_rows<T, Min>;
  f.piece[0] = f.piece[1] = nullptr, f.join[0] = f.join[1] = nullptr, f.sum4 = nullptr;
  f.arg[0] = arg<T, Max, whole_fold<T, Max>>, f.arg[1] = arg<T, Min, whole_fold<T, Min>>;
  f.arg_row[0] = arg_row<T, Max>, f.arg_row[1] = arg_row<T, Min>;
}
}  // namespace folding

void fill_folds(FoldTable* t) {  // in the order of Type
  folding::fill_float<float>(t[0]), folding::fill_float<double>(t[1]);
  using folding::WrapProd;
  using folding::WrapSum;
  folding::fill_whole<int64_t, WrapSum, WrapProd>(t[2]), folding::fill_whole<int32_t, WrapSum, WrapProd>(t[3]);
  folding::fill_whole<int8_t, WrapSum, WrapProd>(t[4]), folding::fill_whole<uint8_t, WrapSum, WrapProd>(t[5]);
  folding::fill_whole<uint8_t, folding::Either, folding::Both>(t[6]);
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_folds);
const FoldTable& fold_table(int type) {
  struct Tables {
    FoldTable of[7];
    Tables() { HWY_DYNAMIC_DISPATCH(fill_folds)(of); }
  };
  static const Tables tables;
  return tables.of[type];
}
}  // namespace mushin::builtin
#endif
