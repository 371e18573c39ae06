#pragma once
#include "mushin/tensor/ops/operands.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
// Float types, except for `pow`, `sign` and `clamp`, which take integers too. Values are pending until needed.
MUSHIN_API Array pow(const Array& base, const Array& exponent);
/// One exponent for all; -2, -1, 2 and 3 are products and quotients of floats.
MUSHIN_API Array pow(const Array& base, double exponent);
[[noreturn]] MUSHIN_API void fail_negative_exponent(std::int64_t);
MUSHIN_API Array log1p(const Array&);
MUSHIN_API Array expm1(const Array&);
MUSHIN_API Array rsqrt(const Array&);
MUSHIN_API Array sign(const Array&);
MUSHIN_API Array sin(const Array&);
MUSHIN_API Array cos(const Array&);
MUSHIN_API Array tan(const Array&);
MUSHIN_API Array asin(const Array&);
MUSHIN_API Array acos(const Array&);
MUSHIN_API Array atan(const Array&);
MUSHIN_API Array sinh(const Array&);
MUSHIN_API Array cosh(const Array&);
MUSHIN_API Array floor(const Array&);
MUSHIN_API Array ceil(const Array&);
MUSHIN_API Array round(const Array&);
MUSHIN_API Array clamp(const Array&, const Array& low, const Array& high);
/// b8.
MUSHIN_API Array isnan(const Array&);
MUSHIN_API Array isfinite(const Array&);
}  // namespace mushin::core

namespace mushin {

/// a^b of each pair; operands as of `+`. x^0 is 1, even of NaN; a negative base has a real power only for whole exponents, else NaN.
/// Integers wrap, and a negative exponent gives 0 unless the base is 1 or -1. Gradients: dc b a^(b-1), and dc a^b log(a): 0 where the
/// base is 0 and the exponent isn't negative, NaN for a negative base.
/// A number as the exponent is taken in the element type; that of integers is exact, and Error if it is negative. -2, -1, 2 and 3 are
/// products and quotients.
template <class A, class B>
requires Operands<A, B>
auto pow(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("pow", A, B);
  MUSHIN_RULE_NUMBERS("pow", MushinLeft);
  detail::check_operands("pow", a, b);
  using core::pow;
  if constexpr (Scalar<B> && std::integral<typename MushinLeft::element>) {
    if constexpr (std::is_signed_v<B>)
      if (b < 0) core::fail_negative_exponent(static_cast<std::int64_t>(b));
    return detail::like<A>(pow(a.raw(), detail::raw<A>(b)));
  } else if constexpr (Scalar<B>)
    return detail::like<A>(pow(a.raw(), static_cast<double>(b)));
  else
    return detail::broadcasted<typename MushinLeft::element, A, B>(pow(detail::raw<B>(a), detail::raw<A>(b)));
}

/// log(1 + x) of each element, exact for small x too; NaN below -1. Float types. Gradient: the cotangent over 1 + x.
template <TensorOperand A>
auto log1p(A&& a) {
  MUSHIN_RULE_FLOAT("log1p", A);
  using core::log1p;
  return detail::like<A>(log1p(std::forward<A>(a).raw()));
}

/// e^x - 1 of each element, exact for small x too. Float types. Gradient: the cotangent times e^x.
template <TensorOperand A>
auto expm1(A&& a) {
  MUSHIN_RULE_FLOAT("expm1", A);
  using core::expm1;
  return detail::like<A>(expm1(std::forward<A>(a).raw()));
}

/// 1 / sqrt(x) of each element; NaN below 0. Float types. Gradient: the cotangent times -y^3 / 2.
template <TensorOperand A>
auto rsqrt(A&& a) {
  MUSHIN_RULE_FLOAT("rsqrt", A);
  using core::rsqrt;
  return detail::like<A>(rsqrt(std::forward<A>(a).raw()));
}

/// -1, 0 or 1 of each element; NaN and the zeros stay. Not bool. Gradient: 0.
template <TensorOperand A>
auto sign(A&& a) {
  MUSHIN_RULE_NUMBERS("sign", A);
  using core::sign;
  return detail::like<A>(sign(std::forward<A>(a).raw()));
}

/// Sine of each element, in radians. Float types. Gradient: the cotangent times cos(x).
template <TensorOperand A>
auto sin(A&& a) {
  MUSHIN_RULE_FLOAT("sin", A);
  using core::sin;
  return detail::like<A>(sin(std::forward<A>(a).raw()));
}

/// Cosine of each element, in radians. Float types. Gradient: the cotangent times -sin(x).
template <TensorOperand A>
auto cos(A&& a) {
  MUSHIN_RULE_FLOAT("cos", A);
  using core::cos;
  return detail::like<A>(cos(std::forward<A>(a).raw()));
}

/// Tangent of each element, in radians: sine over cosine. Float types. Gradient: the cotangent times 1 + y^2.
template <TensorOperand A>
auto tan(A&& a) {
  MUSHIN_RULE_FLOAT("tan", A);
  using core::tan;
  return detail::like<A>(tan(std::forward<A>(a).raw()));
}

/// The angle in [-pi/2, pi/2] with sine x; NaN beyond [-1, 1]. Float types. Gradient: the cotangent over sqrt(1 - x^2).
template <TensorOperand A>
auto asin(A&& a) {
  MUSHIN_RULE_FLOAT("asin", A);
  using core::asin;
  return detail::like<A>(asin(std::forward<A>(a).raw()));
}

/// The angle in [0, pi] with cosine x; NaN beyond [-1, 1]. Float types. Gradient: minus the cotangent over sqrt(1 - x^2).
template <TensorOperand A>
auto acos(A&& a) {
  MUSHIN_RULE_FLOAT("acos", A);
  using core::acos;
  return detail::like<A>(acos(std::forward<A>(a).raw()));
}

/// The angle in [-pi/2, pi/2] with tangent x. Float types. Gradient: the cotangent over 1 + x^2.
template <TensorOperand A>
auto atan(A&& a) {
  MUSHIN_RULE_FLOAT("atan", A);
  using core::atan;
  return detail::like<A>(atan(std::forward<A>(a).raw()));
}

/// Hyperbolic sine of each element. Float types. Gradient: the cotangent times cosh(x).
template <TensorOperand A>
auto sinh(A&& a) {
  MUSHIN_RULE_FLOAT("sinh", A);
  using core::sinh;
  return detail::like<A>(sinh(std::forward<A>(a).raw()));
}

/// Hyperbolic cosine of each element. Float types. Gradient: the cotangent times sinh(x).
template <TensorOperand A>
auto cosh(A&& a) {
  MUSHIN_RULE_FLOAT("cosh", A);
  using core::cosh;
  return detail::like<A>(cosh(std::forward<A>(a).raw()));
}

/// The greatest whole number that isn't above x. Float types. Gradient: 0.
template <TensorOperand A>
auto floor(A&& a) {
  MUSHIN_RULE_FLOAT("floor", A);
  using core::floor;
  return detail::like<A>(floor(std::forward<A>(a).raw()));
}

/// The least whole number that isn't below x. Float types. Gradient: 0.
template <TensorOperand A>
auto ceil(A&& a) {
  MUSHIN_RULE_FLOAT("ceil", A);
  using core::ceil;
  return detail::like<A>(ceil(std::forward<A>(a).raw()));
}

/// The nearest whole number; of two, the even one. Float types. Gradient: 0.
template <TensorOperand A>
auto round(A&& a) {
  MUSHIN_RULE_FLOAT("round", A);
  using core::round;
  return detail::like<A>(round(std::forward<A>(a).raw()));
}

/// Each element within [low, high], which are numbers; NaN stays, and `high` wins where low > high. Not bool. Gradient: the cotangent
/// where low <= x <= high, else 0.
template <TensorLike A, Scalar L, Scalar H>
auto clamp(const A& a, L low, H high) {
  MUSHIN_RULE_NUMBERS("clamp", A);
  static_assert(detail::numbers_fit<A, L> && detail::numbers_fit<A, H>,
                "[clamp] a fraction does not mix with integers: cast with .to<float>()");
  using core::clamp;
  return detail::like<A>(clamp(a.raw(), detail::raw<A>(low), detail::raw<A>(high)));
}

// Result bool; of variables they take the values.

/// Is the element NaN? Float types.
template <TensorLike A>
auto isnan(const A& a) {
  MUSHIN_RULE_FLOAT("isnan", A);
  using core::isnan;
  return detail::made<bool, A::extents>(isnan(detail::constant(a.raw())));
}

/// Is the element neither NaN nor infinite? Float types.
template <TensorLike A>
auto isfinite(const A& a) {
  MUSHIN_RULE_FLOAT("isfinite", A);
  using core::isfinite;
  return detail::made<bool, A::extents>(isfinite(detail::constant(a.raw())));
}

}  // namespace mushin
