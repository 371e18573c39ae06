// Comparisons, selections and conversions: the kernels whose operands and results differ in type.
#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels_cast.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>
#include <string.h>

#include "kernels.hpp"
#include "loops-inl.h"
#include "mushin/plugin.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace mixed {

using B = uint8_t;
template <class T>
struct Eq {
  static HWY_INLINE B f(T a, T b) { return a == b; }
};
template <class T>
struct Ne {
  static HWY_INLINE B f(T a, T b) { return a != b; }
};
template <class T>
struct Lt {
  static HWY_INLINE B f(T a, T b) { return a < b; }
};
template <class T>
struct Le {
  static HWY_INLINE B f(T a, T b) { return a <= b; }
};
template <class T>
struct Gt {
  static HWY_INLINE B f(T a, T b) { return a > b; }
};
template <class T>
struct Ge {
  static HWY_INLINE B f(T a, T b) { return a >= b; }
};
template <class T>
struct IsNan {
  static HWY_INLINE B f(T a) { return a != a; }
};
template <class T>
struct Select {
  static HWY_INLINE T f(B a, T b, T c) { return a ? b : c; }
};

template <class T>
void comparisons(OpTable& table) {
  Variants* r = table.row;
  put_binary<B, T, Eq<T>>(r[MU_PW_EQ]), put_binary<B, T, Ne<T>>(r[MU_PW_NE]), put_binary<B, T, Lt<T>>(r[MU_PW_LT]);
  put_binary<B, T, Le<T>>(r[MU_PW_LE]), put_binary<B, T, Gt<T>>(r[MU_PW_GT]), put_binary<B, T, Ge<T>>(r[MU_PW_GE]);
}

template <class To, class From>
struct Cast {
  static HWY_INLINE To f(From a) { return static_cast<To>(a); }
};
// Saturates; NaN gives 0. 2^63 is the first value too large.
template <class From>
HWY_INLINE int64_t to_i64(From a) {
  if (a != a) return 0;
  if (a >= static_cast<From>(9223372036854775808.0)) return INT64_MAX;
  if (a < static_cast<From>(-9223372036854775808.0)) return INT64_MIN;
  return static_cast<int64_t>(a);
}
template <>
struct Cast<int64_t, float> {
  static HWY_INLINE int64_t f(float a) { return to_i64(a); }
};
template <>
struct Cast<int64_t, double> {
  static HWY_INLINE int64_t f(double a) { return to_i64(a); }
};
struct Truth {
  template <class T>
  static HWY_INLINE B f(T a) {
    return a != T{0};
  }
};

template <int bytes>
void copy(void* d, const void* a, const void*, const void*, size_t n) {
  if (d != a) memcpy(d, a, n * bytes);
}

void fill_compare(OpTable* tables) {  // in the order of Type
  comparisons<float>(tables[0]), comparisons<double>(tables[1]), comparisons<int64_t>(tables[2]), comparisons<B>(tables[3]);
}

void fill_cast(CastTable& t) {
  using F = float;
  using G = double;
  using I = int64_t;
  const Kernel cast[4][4] = {{copy<4>, unary<G, F, Cast<G, F>>, unary<I, F, Cast<I, F>>, unary<B, F, Truth>},
                             {unary<F, G, Cast<F, G>>, copy<8>, unary<I, G, Cast<I, G>>, unary<B, G, Truth>},
                             {unary<F, I, Cast<F, I>>, unary<G, I, Cast<G, I>>, copy<8>, unary<B, I, Truth>},
                             {unary<F, B, Cast<F, B>>, unary<G, B, Cast<G, B>>, unary<I, B, Cast<I, B>>, copy<1>}};
  memcpy(t.cast, cast, sizeof cast);
  put_ternary<B, B, Select<B>>(t.select_1), put_ternary<F, B, Select<F>>(t.select_4), put_ternary<G, B, Select<G>>(t.select_8);
  t.isnan_f32 = unary<B, F, IsNan<F>>, t.isnan_f64 = unary<B, G, IsNan<G>>;
}

}  // namespace mixed
void fill_compare(OpTable* t) { mixed::fill_compare(t); }
void fill_cast(CastTable& t) { mixed::fill_cast(t); }
}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_compare);
HWY_EXPORT(fill_cast);
const OpTable& compare_table(int type) {
  struct Tables {
    OpTable of[4]{};
    Tables() { HWY_DYNAMIC_DISPATCH(fill_compare)(of); }
  };
  static const Tables tables;
  return tables.of[type];
}
const CastTable& cast_table() {
  struct Holder {
    CastTable t{};
    Holder() { HWY_DYNAMIC_DISPATCH(fill_cast)(t); }
  };
  static const Holder holder;
  return holder.t;
}
}  // namespace mushin::builtin
#endif
