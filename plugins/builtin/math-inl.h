// Elementary functions of float vectors, included once for each instruction set. Bounds in ULP are stated in the plugin header and
// measured in the tests. Coefficients of exp, log, sin, cos: Cephes (Moshier); of the rational erf and tanh: Eigen.
#if defined(MUSHIN_BUILTIN_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MUSHIN_BUILTIN_MATH_INL_H_
#undef MUSHIN_BUILTIN_MATH_INL_H_
#else
#define MUSHIN_BUILTIN_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>
#include <math.h>

#undef MUSHIN_PORTABLE
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
#define MUSHIN_PORTABLE 1
#else
#define MUSHIN_PORTABLE 0
#endif

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;
using VI = hn::Vec<DI>;

HWY_INLINE V set(float x) { return hn::Set(D(), x); }

// NaN where either is.
HWY_INLINE V max_v(V a, V b) {
#if MUSHIN_PORTABLE
  return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
#else
  // The instruction gives its second operand when either is NaN.
  return hn::IfThenElse(hn::IsNaN(a), a, hn::Max(a, b));
#endif
}

// x within [low, high]; NaN stays NaN: of the x86 instructions the second operand wins then.
HWY_INLINE V clamp(V x, float low, float high) {
#if MUSHIN_PORTABLE
  x = hn::IfThenElse(hn::Lt(x, set(low)), set(low), x);
  return hn::IfThenElse(hn::Gt(x, set(high)), set(high), x);
#else
  return hn::Min(set(high), hn::Max(set(low), x));
#endif
}

HWY_INLINE V power_of_two(VI n) { return hn::BitCast(D(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(DI(), 127)))); }

// p 2^n for whole n in [-252, 254], into the denormals and to infinity.
HWY_INLINE V scale(V p, V n) {
#if HWY_TARGET == HWY_AVX3
  return V{_mm512_scalef_ps(p.raw, n.raw)};
#else
  const VI whole = hn::NearestInt(n), half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(p, power_of_two(half)), power_of_two(hn::Sub(whole, half)));
#endif
}

struct Reduced {
  V n, r;
};
// x = n ln 2 + r
HWY_INLINE Reduced by_ln2(V x) {
  const V n = hn::Round(hn::Mul(x, set(1.44269504f)));
  const V r = hn::NegMulAdd(n, set(0.693359375f), x);
  return {n, hn::NegMulAdd(n, set(-2.12194440e-4f), r)};
}
// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2
HWY_INLINE V exp_tail(V r) {
  V p = set(1.9875691500e-4f);
  p = hn::MulAdd(p, r, set(1.3981999507e-3f));
  p = hn::MulAdd(p, r, set(8.3334519073e-3f));
  p = hn::MulAdd(p, r, set(4.1665795894e-2f));
  p = hn::MulAdd(p, r, set(1.6666665459e-1f));
  return hn::MulAdd(p, r, set(5.0000001201e-1f));
}

HWY_INLINE V exp_v(V x) {
  const Reduced d = by_ln2(clamp(x, -105.0f, 89.0f));
  return scale(hn::Add(hn::MulAdd(exp_tail(d.r), hn::Mul(d.r, d.r), d.r), set(1.0f)), d.n);
}

// 2^n (e^r - 1) + (2^n - 1), halved until the end so that 2^128 is never needed.
HWY_INLINE V expm1_v(V x) {
  const Reduced d = by_ln2(clamp(x, -18.0f, 89.0f));
  const V t = power_of_two(hn::NearestInt(hn::Sub(d.n, set(1.0f))));
  const V q = hn::MulAdd(exp_tail(d.r), hn::Mul(d.r, d.r), d.r);
  const V y = hn::Add(hn::Mul(t, q), hn::Sub(t, set(0.5f)));
  return hn::IfThenElse(hn::Lt(hn::Abs(x), set(1e-20f)), x, hn::Add(y, y));
}

// For x >= FLT_MIN, finite.
HWY_INLINE V log_normal(V x, V extra_exponent) {
  const DI di;
  VI i = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3f3504f3));
  const V e = hn::Add(hn::ConvertTo(D(), hn::ShiftRight<23>(i)), extra_exponent);
  i = hn::Add(hn::And(i, hn::Set(di, 0x007fffff)), hn::Set(di, 0x3f3504f3));
  const V f = hn::Sub(hn::BitCast(D(), i), set(1.0f));
  V p = set(7.0376836292e-2f);
  p = hn::MulAdd(p, f, set(-1.1514610310e-1f));
  p = hn::MulAdd(p, f, set(1.1676998740e-1f));
  p = hn::MulAdd(p, f, set(-1.2420140846e-1f));
  p = hn::MulAdd(p, f, set(1.4249322787e-1f));
  p = hn::MulAdd(p, f, set(-1.6668057665e-1f));
  p = hn::MulAdd(p, f, set(2.0000714765e-1f));
  p = hn::MulAdd(p, f, set(-2.4999993993e-1f));
  p = hn::MulAdd(p, f, set(3.3333331174e-1f));
  const V s = hn::Mul(f, f);
  V r = hn::Mul(hn::Mul(p, f), s);
  r = hn::MulAdd(e, set(-2.12194440e-4f), r);
  r = hn::NegMulAdd(s, set(0.5f), r);
  return hn::MulAdd(e, set(0.693359375f), hn::Add(f, r));
}

HWY_INLINE V log_v(V x) {
  const D t;
  const V smallest = set(1.17549435e-38f), inf = hn::Inf(t);
  const auto plain = hn::And(hn::Ge(x, smallest), hn::Lt(x, inf));
  if (HWY_LIKELY(hn::AllTrue(t, plain))) return log_normal(x, hn::Zero(t));
  const auto tiny = hn::Lt(x, smallest);
  const V r = log_normal(hn::IfThenElse(tiny, hn::Mul(x, set(33554432.0f)), x), hn::IfThenElseZero(tiny, set(-25.0f)));
  V special = hn::IfThenElse(hn::Lt(x, hn::Zero(t)), hn::NaN(t), x);  // NaN and infinity as they are
  special = hn::IfThenElse(hn::Eq(x, hn::Zero(t)), hn::Neg(inf), special);
  return hn::IfThenElse(hn::And(hn::Gt(x, hn::Zero(t)), hn::Lt(x, inf)), r, special);
}

// log(u) + (x - (u - 1)) / u with u = 1 + x rounded
HWY_INLINE V log1p_v(V x) {
  const D t;
  const V u = hn::Add(set(1.0f), x);
  const V lost = hn::Sub(x, hn::Sub(u, set(1.0f)));
  const V r = hn::Add(log_v(u), hn::Div(lost, u));
  const V y = hn::IfThenElse(hn::Lt(hn::Abs(x), set(3e-8f)), x, r);
  const auto inside = hn::And(hn::Gt(u, hn::Zero(t)), hn::Lt(u, hn::Inf(t)));
  return hn::IfThenElse(inside, y, log_v(u));
}

HWY_INLINE V sigmoid_v(V x) {  // e^-|x| never overflows, and keeps the digits of small results
  const V e = exp_v(hn::Neg(hn::Abs(x)));
  const V top = hn::IfThenElse(hn::Lt(x, hn::Zero(D())), e, set(1.0f));
  return hn::Div(top, hn::Add(set(1.0f), e));
}

HWY_INLINE V saturate(V x, float from, V y) { return hn::IfThenElse(hn::Gt(hn::Abs(x), set(from)), hn::CopySignToAbs(set(1.0f), x), y); }

HWY_INLINE V erf_v(V x) {  // x P(x^2) / Q(x^2) on [-4, 4]
  const V z = clamp(x, -4.0f, 4.0f), s = hn::Mul(z, z);
  V p = set(-2.72614225801306e-10f);
  p = hn::MulAdd(p, s, set(2.77068142495902e-08f));
  p = hn::MulAdd(p, s, set(-2.10102402082508e-06f));
  p = hn::MulAdd(p, s, set(-5.69250639462346e-05f));
  p = hn::MulAdd(p, s, set(-7.34990630326855e-04f));
  p = hn::MulAdd(p, s, set(-2.95459980854025e-03f));
  p = hn::MulAdd(p, s, set(-1.60960333262415e-02f));
  V q = set(-1.45660718464996e-05f);
  q = hn::MulAdd(q, s, set(-2.13374055278905e-04f));
  q = hn::MulAdd(q, s, set(-1.68282697438203e-03f));
  q = hn::MulAdd(q, s, set(-7.37332916720468e-03f));
  q = hn::MulAdd(q, s, set(-1.42647390514189e-02f));
  return saturate(x, 3.92f, hn::Mul(z, hn::Div(p, q)));
}

HWY_INLINE V tanh_v(V x) {  // x P(x^2) / Q(x^2) on [-7.9, 7.9]
  const V z = clamp(x, -7.9053111f, 7.9053111f), s = hn::Mul(z, z);
  V p = set(-2.76076847742355e-16f);
  p = hn::MulAdd(p, s, set(2.00018790482477e-13f));
  p = hn::MulAdd(p, s, set(-8.60467152213735e-11f));
  p = hn::MulAdd(p, s, set(5.12229709037114e-08f));
  p = hn::MulAdd(p, s, set(1.48572235717979e-05f));
  p = hn::MulAdd(p, s, set(6.37261928875436e-04f));
  p = hn::MulAdd(p, s, set(4.89352455891786e-03f));
  V q = set(1.19825839466702e-06f);
  q = hn::MulAdd(q, s, set(1.18534705686654e-04f));
  q = hn::MulAdd(q, s, set(2.26843463243900e-03f));
  q = hn::MulAdd(q, s, set(4.89352518554385e-03f));
  return saturate(x, 7.9f, hn::Mul(z, hn::Div(p, q)));
}

// One value at a time through libm, for what the vectors do not do.
template <class F>
HWY_INLINE V lane_by_lane(V x, F f) {
  const D t;
  HWY_ALIGN float lane[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(x, t, lane);
  for (size_t i = 0; i < hn::Lanes(t); ++i) lane[i] = f(lane[i]);
  return hn::Load(t, lane);
}

// Quarter turns: 0 for sine, 1 for cosine.
template <int kQuarter>
HWY_INLINE V sine(V x) {
  const auto slow = [](float v) HWY_ATTR { return kQuarter ? ::cosf(v) : ::sinf(v); };
#if MUSHIN_PORTABLE
  return lane_by_lane(x, slow);
#else
  const D t;
  const DI di;
  if (HWY_UNLIKELY(!hn::AllTrue(t, hn::Lt(hn::Abs(x), set(1e4f))))) return lane_by_lane(x, slow);
  const V n = hn::Round(hn::Mul(x, set(0.636619772f)));
  V r = hn::NegMulAdd(n, set(1.57079637f), x);
  r = hn::NegMulAdd(n, set(-4.37113883e-8f), r);
  r = hn::NegMulAdd(n, set(-1.71512451e-15f), r);
  const V s = hn::Mul(r, r);
  V sine_tail = hn::MulAdd(s, set(-1.9515295891e-4f), set(8.3321608736e-3f));
  sine_tail = hn::MulAdd(sine_tail, s, set(-1.6666654611e-1f));
  const V sine_r = hn::MulAdd(hn::Mul(sine_tail, s), r, r);
  V cosine_tail = hn::MulAdd(s, set(2.443315711809948e-5f), set(-1.388731625493765e-3f));
  cosine_tail = hn::MulAdd(cosine_tail, s, set(4.166664568298827e-2f));
  const V cosine_r = hn::Add(hn::MulAdd(hn::Mul(cosine_tail, s), s, hn::Mul(s, set(-0.5f))), set(1.0f));
  const VI quarter = hn::Add(hn::NearestInt(n), hn::Set(di, kQuarter));
  const auto odd = hn::RebindMask(t, hn::Ne(hn::And(quarter, hn::Set(di, 1)), hn::Zero(di)));
  const V flip = hn::BitCast(t, hn::ShiftLeft<30>(hn::And(quarter, hn::Set(di, 2))));
  V y = hn::Xor(hn::IfThenElse(odd, cosine_r, sine_r), flip);
  if (kQuarter == 0) y = hn::IfThenElse(hn::Lt(hn::Abs(x), set(1e-4f)), x, y);
  return y;
#endif
}

HWY_INLINE V asin_v(V x) {
#if MUSHIN_PORTABLE
  return lane_by_lane(x, [](float v) HWY_ATTR { return ::asinf(v); });
#else
  return hn::Asin(D(), x);
#endif
}
HWY_INLINE V acos_v(V x) {
#if MUSHIN_PORTABLE
  return lane_by_lane(x, [](float v) HWY_ATTR { return ::acosf(v); });
#else
  return hn::Acos(D(), x);
#endif
}
HWY_INLINE V atan_v(V x) {
#if MUSHIN_PORTABLE
  return lane_by_lane(x, [](float v) HWY_ATTR { return ::atanf(v); });
#else
  return hn::Atan(D(), x);
#endif
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
using DD = hn::ScalableTag<double>;
using VD = hn::Vec<DD>;

HWY_INLINE VD wide(double x) { return hn::Set(DD(), x); }

// 2^(y (exponent + log2 m)) for m within [sqrt(1/2), sqrt(2)), to 2^-37: a float of it is as good as rounded from the exact one.
HWY_INLINE VD pow_wide(VD m, VD exponent, VD y) {
  // log2 m = 2 / ln 2 atanh z
  const VD z = hn::Div(hn::Sub(m, wide(1.0)), hn::Add(m, wide(1.0))), w = hn::Mul(z, z);
  VD p = wide(0x1.5b9ac9b743f0dp-3);  // 2 / (17 ln 2), 2 / (15 ln 2), …
  p = hn::MulAdd(p, w, wide(0x1.89f3b1694cffep-3));
  p = hn::MulAdd(p, w, wide(0x1.c68f568d31761p-3));
  p = hn::MulAdd(p, w, wide(0x1.0c9a84994022dp-2));
  p = hn::MulAdd(p, w, wide(0x1.484b13d7c02a9p-2));
  p = hn::MulAdd(p, w, wide(0x1.a61762a7adedap-2));
  p = hn::MulAdd(p, w, wide(0x1.2776c50ef9bfep-1));
  p = hn::MulAdd(p, w, wide(0x1.ec709dc3a03fep-1));
  p = hn::MulAdd(p, w, wide(0x1.71547652b82fep+1));
  const VD t = hn::Min(hn::Max(hn::Mul(y, hn::MulAdd(p, z, exponent)), wide(-300.0)), wide(300.0));
  const VD shifted = hn::Add(t, wide(0x1.8p52));  // its lowest bits are t rounded
  const VD f = hn::Sub(t, hn::Sub(shifted, wide(0x1.8p52)));
  VD q = wide(0x1.e4cf5158b8ec7p-28);  // (ln 2)^10 / 10!, (ln 2)^9 / 9!, …
  q = hn::MulAdd(q, f, wide(0x1.b5253d395e7c1p-24));
  q = hn::MulAdd(q, f, wide(0x1.62c0223a5c822p-20));
  q = hn::MulAdd(q, f, wide(0x1.ffcbfc588b0c5p-17));
  q = hn::MulAdd(q, f, wide(0x1.430912f86c786p-13));
  q = hn::MulAdd(q, f, wide(0x1.5d87fe78a6730p-10));
  q = hn::MulAdd(q, f, wide(0x1.3b2ab6fba4e77p-7));
  q = hn::MulAdd(q, f, wide(0x1.c6b08d704a0bfp-5));
  q = hn::MulAdd(q, f, wide(0x1.ebfbdff82c58ep-3));
  q = hn::MulAdd(q, f, wide(0x1.62e42fefa39efp-1));
  q = hn::MulAdd(q, f, wide(1.0));
  const hn::RebindToSigned<DD> bits;
  return hn::BitCast(DD(), hn::Add(hn::BitCast(bits, q), hn::ShiftLeft<52>(hn::BitCast(bits, shifted))));
}

HWY_INLINE V pow_v(V a, V b) {
  const D t;
  const DI di;
  const hn::Half<D> half;
  VI i = hn::Sub(hn::BitCast(di, a), hn::Set(di, 0x3f3504f3));
  const V exponent = hn::ConvertTo(t, hn::ShiftRight<23>(i));
  i = hn::Add(hn::And(i, hn::Set(di, 0x007fffff)), hn::Set(di, 0x3f3504f3));
  const V m = hn::BitCast(t, i);
  const VD low = pow_wide(hn::PromoteTo(DD(), hn::LowerHalf(half, m)), hn::PromoteTo(DD(), hn::LowerHalf(half, exponent)),
                          hn::PromoteTo(DD(), hn::LowerHalf(half, b)));
  const VD high = pow_wide(hn::PromoteTo(DD(), hn::UpperHalf(half, m)), hn::PromoteTo(DD(), hn::UpperHalf(half, exponent)),
                           hn::PromoteTo(DD(), hn::UpperHalf(half, b)));
  const V y = hn::Combine(t, hn::DemoteTo(half, high), hn::DemoteTo(half, low));
  const V inf = hn::Inf(t);
  const auto plain = hn::And(hn::And(hn::Ge(a, set(1.17549435e-38f)), hn::Lt(a, inf)), hn::Lt(hn::Abs(b), inf));
  if (HWY_LIKELY(hn::AllTrue(t, plain))) return y;
  // Of the others libm knows best, one at a time.
  HWY_ALIGN float of[3][HWY_MAX_BYTES / sizeof(float)];
  hn::Store(a, t, of[0]), hn::Store(b, t, of[1]), hn::Store(y, t, of[2]);
  for (size_t k = 0; k < hn::Lanes(t); ++k)
    if (!(of[0][k] >= 1.17549435e-38f && of[0][k] <= 3.40282347e+38f && ::fabsf(of[1][k]) <= 3.40282347e+38f))
      of[2][k] = ::powf(of[0][k], of[1][k]);
  return hn::Load(t, of[2]);
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
