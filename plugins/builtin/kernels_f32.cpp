// float32 kernels of the tile interpreter.
#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels_f32.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels.hpp"
#include "math-inl.h"
#include "mushin/plugin.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

// The portable vectors lose the sign of zero when they round.
HWY_INLINE V whole(V rounded, [[maybe_unused]] V a) {
#if MUSHIN_PORTABLE
  return hn::CopySign(rounded, a);
#else
  return rounded;
#endif
}

#define MUSHIN_OP(name, expression)                                                                                \
  struct name {                                                                                                    \
    static HWY_INLINE V f([[maybe_unused]] V a, [[maybe_unused]] V b, [[maybe_unused]] V c) { return expression; } \
  }
MUSHIN_OP(Add, hn::Add(a, b));
MUSHIN_OP(Sub, hn::Sub(a, b));
MUSHIN_OP(Mul, hn::Mul(a, b));
MUSHIN_OP(Div, hn::Div(a, b));
MUSHIN_OP(MulAdd, hn::Add(hn::Mul(a, b), c));
MUSHIN_OP(Neg, hn::Neg(a));
MUSHIN_OP(Abs, hn::Abs(a));
MUSHIN_OP(Sqrt, hn::Sqrt(a));
MUSHIN_OP(Rsqrt, hn::Div(set(1.0f), hn::Sqrt(a)));
MUSHIN_OP(Exp, exp_v(a));
MUSHIN_OP(Log, log_v(a));
MUSHIN_OP(Sin, sine<0>(a));
MUSHIN_OP(Cos, sine<1>(a));
MUSHIN_OP(Asin, asin_v(a));
MUSHIN_OP(Acos, acos_v(a));
MUSHIN_OP(Atan, atan_v(a));
MUSHIN_OP(Tanh, tanh_v(a));
MUSHIN_OP(Erf, erf_v(a));
MUSHIN_OP(Floor, whole(hn::Floor(a), a));
MUSHIN_OP(Ceil, whole(hn::Ceil(a), a));
MUSHIN_OP(Trunc, whole(hn::Trunc(a), a));
MUSHIN_OP(Rint, whole(hn::Round(a), a));
MUSHIN_OP(Sigmoid, sigmoid_v(a));
MUSHIN_OP(Expm1, expm1_v(a));
MUSHIN_OP(Log1p, log1p_v(a));
MUSHIN_OP(Step, hn::IfThenElseZero(hn::Gt(a, hn::Zero(D())), b));
MUSHIN_OP(Max, max_v(a, b));
#if MUSHIN_PORTABLE
MUSHIN_OP(Min, hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b));
MUSHIN_OP(Relu, hn::IfThenElse(hn::Lt(a, hn::Zero(D())), hn::Zero(D()), a));
#else
// The instruction gives its second operand when either is NaN.
MUSHIN_OP(Min, hn::IfThenElse(hn::IsNaN(a), a, hn::Min(a, b)));
MUSHIN_OP(Relu, hn::Max(hn::Zero(D()), a));
MUSHIN_OP(Fma, hn::MulAdd(a, b, c));
#endif

template <class F, int N, int S>
HWY_INLINE V apply_at(V a, V b, V c, const float* pa, const float* pb, const float* pc, size_t i) {
  const D t;
  if constexpr (!(S & 1)) a = hn::LoadU(t, pa + i);
  if constexpr (N > 1 && !(S & 2)) b = hn::LoadU(t, pb + i);
  if constexpr (N > 2 && !(S & 4)) c = hn::LoadU(t, pc + i);
  return F::f(a, b, c);
}

template <class F, int N, int S>
void loop(void* dv, const void* av, const void* bv, const void* cv, size_t n) {
  const D t;
  const size_t lanes = hn::Lanes(t);
  float* d = static_cast<float*>(dv);
  const float *pa = static_cast<const float*>(av), *pb = static_cast<const float*>(bv), *pc = static_cast<const float*>(cv);
  V a = hn::Zero(t), b = a, c = a;
  if constexpr (S & 1) a = hn::Set(t, *pa);
  if constexpr (N > 1 && S & 2) b = hn::Set(t, *pb);
  if constexpr (N > 2 && S & 4) c = hn::Set(t, *pc);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(apply_at<F, N, S>(a, b, c, pa, pb, pc, i), t, d + i);
  if (i == n) return;
  const auto m = hn::FirstN(t, n - i);
  if constexpr (!(S & 1)) a = hn::MaskedLoad(m, t, pa + i);
  if constexpr (N > 1 && !(S & 2)) b = hn::MaskedLoad(m, t, pb + i);
  if constexpr (N > 2 && !(S & 4)) c = hn::MaskedLoad(m, t, pc + i);
  hn::BlendedStore(F::f(a, b, c), m, t, d + i);
}

// Through libm, one at a time.
template <float (*f)(float, float), int S>
void scalar_loop(void* dv, const void* av, const void* bv, const void*, size_t n) {
  float* d = static_cast<float*>(dv);
  const float *a = static_cast<const float*>(av), *b = static_cast<const float*>(bv);
  const float a0 = *a, b0 = *b;  // d may be their place
  for (size_t i = 0; i < n; ++i) d[i] = f(S & 1 ? a0 : a[i], S & 2 ? b0 : b[i]);
}
float rem_one(float a, float b) { return ::fmodf(a, b); }

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
MUSHIN_OP(Pow, pow_v(a, b));
template <int S>
constexpr Kernel power = loop<Pow, 2, S>;
#else
float pow_one(float a, float b) { return ::powf(a, b); }
template <int S>
constexpr Kernel power = scalar_loop<pow_one, S>;
#endif
// Exponents that are one value for all are mostly small whole numbers.
void pow_by_one(void* d, const void* a, const void* b, const void* c, size_t n) {
  const float e = *static_cast<const float*>(b);
  if (e == 2.0f) return loop<Mul, 2, 0>(d, a, a, c, n);
  power<2>(d, a, b, c, n);
}

template <int S>
void fma_loop(void* dv, const void* av, const void* bv, const void* cv, size_t n) {
#if MUSHIN_PORTABLE
  float* d = static_cast<float*>(dv);
  const float *a = static_cast<const float*>(av), *b = static_cast<const float*>(bv), *c = static_cast<const float*>(cv);
  const float a0 = *a, b0 = *b, c0 = *c;
  for (size_t i = 0; i < n; ++i) d[i] = ::fmaf(S & 1 ? a0 : a[i], S & 2 ? b0 : b[i], S & 4 ? c0 : c[i]);
#else
  loop<Fma, 3, S>(dv, av, bv, cv, n);
#endif
}

template <class F, int N>
void put(Variants& v) {
  Kernel* k = v.with_scalars;
  k[0] = loop<F, N, 0>;
  if constexpr (N > 1) k[1] = loop<F, N, 1>, k[2] = loop<F, N, 2>;
  if constexpr (N > 2) k[3] = loop<F, N, 3>, k[4] = loop<F, N, 4>, k[5] = loop<F, N, 5>, k[6] = loop<F, N, 6>;
}

void fill(OpTable& table) {
  Variants* r = table.row;
  put<Add, 2>(r[MU_PW_ADD]), put<Sub, 2>(r[MU_PW_SUB]), put<Mul, 2>(r[MU_PW_MUL]), put<Div, 2>(r[MU_PW_DIV]);
  put<Min, 2>(r[MU_PW_MIN]), put<Max, 2>(r[MU_PW_MAX]), put<Step, 2>(r[row_step]), put<MulAdd, 3>(r[row_mul_add]);
  put<Neg, 1>(r[MU_PW_NEG]), put<Abs, 1>(r[MU_PW_ABS]), put<Sqrt, 1>(r[MU_PW_SQRT]), put<Rsqrt, 1>(r[MU_PW_RSQRT]);
  put<Exp, 1>(r[MU_PW_EXP]), put<Log, 1>(r[MU_PW_LOG]), put<Sin, 1>(r[MU_PW_SIN]), put<Cos, 1>(r[MU_PW_COS]);
  put<Asin, 1>(r[MU_PW_ASIN]), put<Acos, 1>(r[MU_PW_ACOS]), put<Atan, 1>(r[MU_PW_ATAN]);
  put<Tanh, 1>(r[MU_PW_TANH]), put<Erf, 1>(r[MU_PW_ERF]), put<Floor, 1>(r[MU_PW_FLOOR]), put<Ceil, 1>(r[MU_PW_CEIL]);
  put<Trunc, 1>(r[MU_PW_TRUNC]), put<Rint, 1>(r[MU_PW_RINT]), put<Sigmoid, 1>(r[row_sigmoid]), put<Expm1, 1>(r[row_expm1]);
  put<Log1p, 1>(r[row_log1p]), put<Relu, 1>(r[row_relu]);
  r[MU_PW_REM] = {{scalar_loop<rem_one, 0>, scalar_loop<rem_one, 1>, scalar_loop<rem_one, 2>}};
  r[MU_PW_POW] = {{power<0>, power<1>, pow_by_one}};
  r[MU_PW_FMA] = {{fma_loop<0>, fma_loop<1>, fma_loop<2>, fma_loop<3>, fma_loop<4>, fma_loop<5>, fma_loop<6>}};
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill);
const OpTable& f32_table() {
  static const OpTable table = [] {
    OpTable t{};
    HWY_DYNAMIC_DISPATCH(fill)(t);
    return t;
  }();
  return table;
}
}  // namespace mushin::builtin
#endif
