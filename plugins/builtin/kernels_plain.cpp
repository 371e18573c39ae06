// Kernels of the tile interpreter for float64 and bool. Elementary functions of float64 go through libm.
#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels_plain.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <math.h>
#include <stdint.h>

#include "kernels.hpp"
#include "loops-inl.h"
#include "mushin/plugin.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

#define MUSHIN_UNARY(T, name, expression)             \
  struct name {                                       \
    static HWY_INLINE T f(T a) { return expression; } \
  }
#define MUSHIN_BINARY(T, name, expression)                 \
  struct name {                                            \
    static HWY_INLINE T f(T a, T b) { return expression; } \
  }
#define MUSHIN_TERNARY(T, name, expression)                     \
  struct name {                                                 \
    static HWY_INLINE T f(T a, T b, T c) { return expression; } \
  }

namespace f64 {
MUSHIN_BINARY(double, Add, a + b);
MUSHIN_BINARY(double, Sub, a - b);
MUSHIN_BINARY(double, Mul, a* b);
MUSHIN_BINARY(double, Div, a / b);
MUSHIN_BINARY(double, Min, a < b || a != a ? a : b);
MUSHIN_BINARY(double, Max, a > b || a != a ? a : b);
MUSHIN_BINARY(double, Rem, ::fmod(a, b));
MUSHIN_BINARY(double, Pow, ::pow(a, b));
MUSHIN_BINARY(double, Step, a > 0 ? b : 0.0);
MUSHIN_TERNARY(double, MulAdd, a* b + c);
MUSHIN_TERNARY(double, Fma, __builtin_fma(a, b, c));
MUSHIN_UNARY(double, Neg, -a);
MUSHIN_UNARY(double, Abs, __builtin_fabs(a));
MUSHIN_UNARY(double, Sqrt, __builtin_sqrt(a));
MUSHIN_UNARY(double, Rsqrt, 1.0 / __builtin_sqrt(a));
MUSHIN_UNARY(double, Exp, ::exp(a));
MUSHIN_UNARY(double, Log, ::log(a));
MUSHIN_UNARY(double, Sin, ::sin(a));
MUSHIN_UNARY(double, Cos, ::cos(a));
MUSHIN_UNARY(double, Asin, ::asin(a));
MUSHIN_UNARY(double, Acos, ::acos(a));
MUSHIN_UNARY(double, Atan, ::atan(a));
MUSHIN_UNARY(double, Tanh, ::tanh(a));
MUSHIN_UNARY(double, Erf, ::erf(a));
MUSHIN_UNARY(double, Floor, __builtin_floor(a));
MUSHIN_UNARY(double, Ceil, __builtin_ceil(a));
MUSHIN_UNARY(double, Trunc, __builtin_trunc(a));
MUSHIN_UNARY(double, Rint, __builtin_rint(a));
MUSHIN_UNARY(double, Expm1, ::expm1(a));
MUSHIN_UNARY(double, Log1p, ::log1p(a));
MUSHIN_UNARY(double, Relu, a < 0 ? 0.0 : a);
struct Sigmoid {
  static HWY_INLINE double f(double a) {
    const double e = ::exp(-__builtin_fabs(a));
    return (a < 0 ? e : 1.0) / (1.0 + e);
  }
};

void fill(OpTable& table) {
  Variants* r = table.row;
  using T = double;
  put_binary<T, T, Add>(r[MU_PW_ADD]), put_binary<T, T, Sub>(r[MU_PW_SUB]), put_binary<T, T, Mul>(r[MU_PW_MUL]);
  put_binary<T, T, Div>(r[MU_PW_DIV]), put_binary<T, T, Min>(r[MU_PW_MIN]), put_binary<T, T, Max>(r[MU_PW_MAX]);
  put_binary<T, T, Rem>(r[MU_PW_REM]), put_binary<T, T, Pow>(r[MU_PW_POW]), put_binary<T, T, Step>(r[row_step]);
  put_ternary<T, T, MulAdd>(r[row_mul_add]), put_ternary<T, T, Fma>(r[MU_PW_FMA]);
  put_unary<T, T, Neg>(r[MU_PW_NEG]), put_unary<T, T, Abs>(r[MU_PW_ABS]), put_unary<T, T, Sqrt>(r[MU_PW_SQRT]);
  put_unary<T, T, Rsqrt>(r[MU_PW_RSQRT]), put_unary<T, T, Exp>(r[MU_PW_EXP]), put_unary<T, T, Log>(r[MU_PW_LOG]);
  put_unary<T, T, Sin>(r[MU_PW_SIN]), put_unary<T, T, Cos>(r[MU_PW_COS]), put_unary<T, T, Tanh>(r[MU_PW_TANH]);
  put_unary<T, T, Erf>(r[MU_PW_ERF]), put_unary<T, T, Floor>(r[MU_PW_FLOOR]), put_unary<T, T, Ceil>(r[MU_PW_CEIL]);
  put_unary<T, T, Trunc>(r[MU_PW_TRUNC]), put_unary<T, T, Rint>(r[MU_PW_RINT]), put_unary<T, T, Sigmoid>(r[row_sigmoid]);
  put_unary<T, T, Expm1>(r[row_expm1]), put_unary<T, T, Log1p>(r[row_log1p]), put_unary<T, T, Relu>(r[row_relu]);
  put_unary<T, T, Asin>(r[MU_PW_ASIN]), put_unary<T, T, Acos>(r[MU_PW_ACOS]), put_unary<T, T, Atan>(r[MU_PW_ATAN]);
}
}  // namespace f64

namespace b8 {
using B = uint8_t;  // 0 or 1
MUSHIN_BINARY(B, And, static_cast<B>(a& b));
MUSHIN_BINARY(B, Or, static_cast<B>(a | b));
MUSHIN_BINARY(B, Xor, static_cast<B>(a ^ b));
MUSHIN_TERNARY(B, MulAdd, static_cast<B>((a & b) | c));
MUSHIN_UNARY(B, Not, static_cast<B>(a ^ 1));

void fill(OpTable& table) {
  Variants* r = table.row;
  put_binary<B, B, Or>(r[MU_PW_ADD]), put_binary<B, B, And>(r[MU_PW_MUL]), put_binary<B, B, And>(r[MU_PW_MIN]);
  put_binary<B, B, Or>(r[MU_PW_MAX]), put_binary<B, B, And>(r[MU_PW_AND]), put_binary<B, B, Or>(r[MU_PW_OR]);
  put_binary<B, B, Xor>(r[MU_PW_XOR]), put_unary<B, B, Not>(r[MU_PW_NOT]), put_ternary<B, B, MulAdd>(r[row_mul_add]);
}
}  // namespace b8

void fill_f64(OpTable& t) { f64::fill(t); }
void fill_b8(OpTable& t) { b8::fill(t); }

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_f64);
HWY_EXPORT(fill_b8);
namespace {
template <class F>
OpTable filled(F fill) {
  OpTable t{};
  fill(t);
  return t;
}
}  // namespace
const OpTable& f64_table() {
  static const OpTable table = filled([](OpTable& t) { HWY_DYNAMIC_DISPATCH(fill_f64)(t); });
  return table;
}
const OpTable& b8_table() {
  static const OpTable table = filled([](OpTable& t) { HWY_DYNAMIC_DISPATCH(fill_b8)(t); });
  return table;
}
}  // namespace mushin::builtin
#endif
