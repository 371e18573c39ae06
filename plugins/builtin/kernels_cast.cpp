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

template <class T>
constexpr bool is_real = false;
template <>
constexpr bool is_real<float> = true;
template <>
constexpr bool is_real<double> = true;

// Between numbers. Integers wrap; a float outside of an integer type becomes the nearest value, NaN 0.
template <class To, class From>
struct Cast {
  static HWY_INLINE To f(From a) {
    if constexpr (is_real<From> && !is_real<To>) {
      constexpr int digits = 8 * static_cast<int>(sizeof(To)) - (To(-1) < To(0));
      constexpr From beyond = From{2} * static_cast<From>(uint64_t{1} << (digits - 1)), least = To(-1) < To(0) ? -beyond : From{0};
      constexpr auto greatest = static_cast<To>((uint64_t{1} << digits) - 1), smallest = static_cast<To>(least);
      if (a != a) return To{0};
      if (a >= beyond) return greatest;
      return a <= least ? smallest : static_cast<To>(a);
    } else {
      return static_cast<To>(a);
    }
  }
};
struct Truth {
  template <class T>
  static HWY_INLINE B f(T a) {
    return a != T{0};
  }
};

HWY_INLINE uint32_t bits_of(float a) {
  uint32_t u;
  memcpy(&u, &a, sizeof u);
  return u;
}
HWY_INLINE float float_of(uint32_t u) {
  float a;
  memcpy(&a, &u, sizeof a);
  return a;
}

// The 16-bit floats in arithmetic without branches, which vectorises. All ways are computed, one is chosen: by masks where one has an
// addition or product of floats, which compilers would else move into a branch.
HWY_INLINE uint32_t mask_below(uint32_t a, uint32_t bound) {
  return static_cast<uint32_t>(static_cast<int32_t>(a - bound) >> 31);
}  // a < 2^31
HWY_INLINE uint32_t either(uint32_t mask, uint32_t a, uint32_t b) { return (a & mask) | (b & ~mask); }
struct FromF16 {
  static HWY_INLINE float f(uint16_t h) {
    const uint32_t m = h & 0x7FFFu;
    uint32_t r = bits_of(float_of(m << 13) * 0x1p112f);  // exact, of those below 2^-14 too
    r |= (~mask_below(m, 0x7C00u) & 0x7F800000u) | (~mask_below(m, 0x7C01u) & 0x400000u);
    return float_of(r | static_cast<uint32_t>(h & 0x8000u) << 16);
  }
};
struct ToF16 {
  static HWY_INLINE uint16_t f(float a) {
    const uint32_t u = bits_of(a), m = u & 0x7FFFFFFFu;
    const uint32_t normal = (m + 0xFFFu + (m >> 13 & 1u) - (112u << 23)) >> 13;
    const uint32_t small = bits_of(float_of(m) + 0.5f) - 0x3F000000u;  // below 2^-14 a step is that of floats from 0.5 on
    uint32_t r = either(mask_below(m, 0x38800000u), small, normal);
    r = either(mask_below(m, 0x477FF000u), r, 0x7C00u);
    r = either(mask_below(m, 0x7F800001u), r, 0x7E00u | (m >> 13 & 0x1FFu));
    return static_cast<uint16_t>(r | (u >> 16 & 0x8000u));
  }
};
struct RoundF16 {
  static HWY_INLINE float f(float a) {
    const uint32_t u = bits_of(a), m = u & 0x7FFFFFFFu;
    const uint32_t normal = (m + 0xFFFu + (m >> 13 & 1u)) & ~0x1FFFu;
    const uint32_t small = bits_of((float_of(m) + 0.5f) - 0.5f);
    uint32_t r = either(mask_below(m, 0x38800000u), small, normal);
    r = either(mask_below(m, 0x477FF000u), r, 0x7F800000u);
    r = either(mask_below(m, 0x7F800001u), r, m | 0x400000u);
    return float_of(r | (u & 0x80000000u));
  }
};
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
// The processor's conversions give the same bits: whole vectors by these.
namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Halves = hn::Rebind<hwy::float16_t, Floats>;
struct VectorsToF16 {
  static HWY_INLINE void f(uint16_t* to, const float* a) {
    hn::StoreU(hn::DemoteTo(Halves(), hn::LoadU(Floats(), a)), Halves(), reinterpret_cast<hwy::float16_t*>(to));
  }
};
struct VectorsFromF16 {
  static HWY_INLINE void f(float* to, const uint16_t* a) {
    hn::StoreU(hn::PromoteTo(Floats(), hn::LoadU(Halves(), reinterpret_cast<const hwy::float16_t*>(a))), Floats(), to);
  }
};
struct VectorsRoundF16 {
  static HWY_INLINE void f(float* to, const float* a) {
    hn::StoreU(hn::PromoteTo(Floats(), hn::DemoteTo(Halves(), hn::LoadU(Floats(), a))), Floats(), to);
  }
};
template <class R, class A, class Vectors, class F>
void unary_by_vectors(void* dv, const void* av, const void*, const void*, size_t n) {
  R* d = static_cast<R*>(dv);
  const A* a = static_cast<const A*>(av);
  const size_t L = hn::Lanes(Floats());
  size_t i = 0;
  for (; i + L <= n; i += L) Vectors::f(d + i, a + i);
  for (; i < n; ++i) d[i] = F::f(a[i]);
}
constexpr Kernel to_f16 = unary_by_vectors<uint16_t, float, VectorsToF16, ToF16>;
constexpr Kernel from_f16 = unary_by_vectors<float, uint16_t, VectorsFromF16, FromF16>;
constexpr Kernel round_f16 = unary_by_vectors<float, float, VectorsRoundF16, RoundF16>;
#else
constexpr Kernel to_f16 = unary<uint16_t, float, ToF16>, from_f16 = unary<float, uint16_t, FromF16>,
                 round_f16 = unary<float, float, RoundF16>;
#endif
HWY_INLINE uint32_t rounded_bf16(float a) {
  const uint32_t u = bits_of(a);
  return (u & 0x7FFFFFFFu) > 0x7F800000u ? u | 0x400000u : u + 0x7FFFu + (u >> 16 & 1u);
}
struct FromBf16 {
  static HWY_INLINE float f(uint16_t h) { return float_of(static_cast<uint32_t>(h) << 16); }
};
struct ToBf16 {
  static HWY_INLINE uint16_t f(float a) { return static_cast<uint16_t>(rounded_bf16(a) >> 16); }
};
struct RoundBf16 {
  static HWY_INLINE float f(float a) { return float_of(rounded_bf16(a) & 0xFFFF0000u); }
};

// To f32, to odd: where it isn't exact, the neighbour whose last digit is 1.
HWY_INLINE float odd_float(double a) {
  const float most = 0x1.fffffep127f;
  if (a > static_cast<double>(most)) return most;
  if (a < -static_cast<double>(most)) return -most;
  const float near = static_cast<float>(a);
  const double back = static_cast<double>(near);
  const uint32_t u = bits_of(near);
  if (back == a || a != a || (u & 1u) != 0) return near;
  return float_of((back < a) == (a > 0) ? u + 1 : u - 1);
}
struct Odd {
  static HWY_INLINE float f(double a) { return odd_float(a); }
  static HWY_INLINE float f(int32_t a) { return odd_float(static_cast<double>(a)); }
  static HWY_INLINE float f(int64_t a) {
    uint64_t u = a < 0 ? 0 - static_cast<uint64_t>(a) : static_cast<uint64_t>(a);
    if (u >> 53) u = (u & ~uint64_t{0x7FF}) | static_cast<uint64_t>((u & 0x7FFu) != 0) << 11;
    const double exact = static_cast<double>(u);
    return odd_float(a < 0 ? -exact : exact);
  }
};

template <int bytes>
void copy(void* d, const void* a, const void*, const void*, size_t n) {
  if (d != a) memcpy(d, a, n * bytes);
}

void fill_compare(OpTable* tables) {  // in the order of Type
  comparisons<float>(tables[0]), comparisons<double>(tables[1]), comparisons<int64_t>(tables[2]), comparisons<int32_t>(tables[3]);
  comparisons<int8_t>(tables[4]), comparisons<B>(tables[5]);
  tables[6] = tables[5];
}

template <class T, class From>
constexpr Kernel cast = unary<T, From, Cast<T, From>>;
template <class T>
constexpr Kernel cast<T, T> = copy<sizeof(T)>;

template <class From>
void casts(Kernel* to) {  // to the types that are computed with, in the order of Type; bool is told from uint8_t by the caller
  const Kernel all[] = {cast<float, From>,  cast<double, From>,  cast<int64_t, From>,  cast<int32_t, From>,
                        cast<int8_t, From>, cast<uint8_t, From>, unary<B, From, Truth>};
  memcpy(to, all, sizeof all);
}

void fill_cast(CastTable& t) {
  casts<float>(t.cast[0]), casts<double>(t.cast[1]), casts<int64_t>(t.cast[2]), casts<int32_t>(t.cast[3]);
  casts<int8_t>(t.cast[4]), casts<uint8_t>(t.cast[5]), casts<B>(t.cast[6]);
  t.cast[6][6] = t.cast[6][4] = t.cast[6][5] = copy<1>;
  t.cast[7][7] = t.cast[8][8] = copy<2>;
  t.cast[0][7] = to_f16, t.cast[0][8] = unary<uint16_t, float, ToBf16>;
  t.cast[7][0] = from_f16, t.cast[8][0] = unary<float, uint16_t, FromBf16>;
  t.round[0] = round_f16, t.round[1] = unary<float, float, RoundBf16>;
  t.odd[1] = unary<float, double, Odd>, t.odd[2] = unary<float, int64_t, Odd>, t.odd[3] = unary<float, int32_t, Odd>;
  put_ternary<B, B, Select<B>>(t.select_1), put_ternary<float, B, Select<float>>(t.select_4);
  put_ternary<double, B, Select<double>>(t.select_8);
  t.isnan_f32 = unary<B, float, IsNan<float>>, t.isnan_f64 = unary<B, double, IsNan<double>>;
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
    OpTable of[7]{};
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
