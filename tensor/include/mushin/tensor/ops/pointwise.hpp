#pragma once
#include "mushin/tensor/ops/operands.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
// Operands have one element type (a `literal` is made in it); shapes broadcast, ShapeError where they don't.
// Comparisons and logical ops give b8. Values are pending until needed.
MUSHIN_API Array add(const Array&, const Array&);
MUSHIN_API Array sub(const Array&, const Array&);
MUSHIN_API Array mul(const Array&, const Array&);
MUSHIN_API Array div(const Array&, const Array&);  // integers: towards zero; x / 0 is 0
/// Of integers, towards minus infinity, and what it leaves, with the sign of b; both 0 where b is.
MUSHIN_API Array floor_divide(const Array&, const Array&);
MUSHIN_API Array remainder(const Array&, const Array&);
MUSHIN_API Array maximum(const Array&, const Array&);
MUSHIN_API Array minimum(const Array&, const Array&);
MUSHIN_API Array neg(const Array&);
MUSHIN_API Array abs(const Array&);
MUSHIN_API Array exp(const Array&);
MUSHIN_API Array log(const Array&);
MUSHIN_API Array tanh(const Array&);
MUSHIN_API Array erf(const Array&);
MUSHIN_API Array sqrt(const Array&);
MUSHIN_API Array sigmoid(const Array&);
MUSHIN_API Array relu(const Array&);
/// Where `x > 0` is `g`, else 0: the gradient of relu.
MUSHIN_API Array step(const Array& x, const Array& g);
/// a where condition (b8), else b.
MUSHIN_API Array where(const Array& condition, const Array& a, const Array& b);
MUSHIN_API Array cast(const Array&, dtype);
MUSHIN_API Array equal(const Array&, const Array&);
MUSHIN_API Array not_equal(const Array&, const Array&);
MUSHIN_API Array less(const Array&, const Array&);
MUSHIN_API Array less_equal(const Array&, const Array&);
MUSHIN_API Array greater(const Array&, const Array&);
MUSHIN_API Array greater_equal(const Array&, const Array&);
MUSHIN_API Array logical_and(const Array&, const Array&);
MUSHIN_API Array logical_or(const Array&, const Array&);
MUSHIN_API Array logical_not(const Array&);
}  // namespace mushin::core

namespace mushin {

// Operands of the ops below: two tensors of one element type, whose shapes broadcast as in NumPy, or a tensor and a number, which
// is taken in the tensor's element type (Error where an integer type doesn't have it). Integers wrap; f16 and bf16 are computed in float,
// and each op rounds. Not bool. ShapeError where extents whose sizes only the run knows disagree.

/// Elementwise sum. Gradient: the cotangent, to each.
template <class A, class B>
requires Operands<A, B>
auto operator+(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("add", A, B);
  MUSHIN_RULE_NUMBERS("add", MushinLeft);
  detail::check_operands("add", a, b);
  using core::add;
  return detail::broadcasted<typename MushinLeft::element, A, B>(add(detail::raw<B>(a), detail::raw<A>(b)));
}

/// Elementwise difference. Gradient: the cotangent, and its negative.
template <class A, class B>
requires Operands<A, B>
auto operator-(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("sub", A, B);
  MUSHIN_RULE_NUMBERS("sub", MushinLeft);
  detail::check_operands("sub", a, b);
  using core::sub;
  return detail::broadcasted<typename MushinLeft::element, A, B>(sub(detail::raw<B>(a), detail::raw<A>(b)));
}

/// Elementwise product. Gradient: the cotangent times the other operand.
template <class A, class B>
requires Operands<A, B>
auto operator*(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("mul", A, B);
  MUSHIN_RULE_NUMBERS("mul", MushinLeft);
  detail::check_operands("mul", a, b);
  using core::mul;
  return detail::broadcasted<typename MushinLeft::element, A, B>(mul(detail::raw<B>(a), detail::raw<A>(b)));
}

/// Elementwise quotient; of integers the true one, in double, as NumPy has it (floor_divide gives whole numbers). Gradient of a / b:
/// dc / b, and -dc a / b^2.
template <class A, class B>
requires Operands<A, B>
auto operator/(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("div", A, B);
  MUSHIN_RULE_NUMBERS("div", MushinLeft);
  detail::check_operands("div", a, b);
  using core::cast, core::div;
  if constexpr (integer_elements<MushinLeft>)
    return detail::broadcasted<double, A, B>(div(cast(detail::raw<B>(a), dtype::f64), cast(detail::raw<A>(b), dtype::f64)));
  else
    return detail::broadcasted<typename MushinLeft::element, A, B>(div(detail::raw<B>(a), detail::raw<A>(b)));
}

/// Elementwise quotient of integers, rounded towards minus infinity; 0 where b is 0.
template <class A, class B>
requires Operands<A, B>
auto floor_divide(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("floor_divide", A, B);
  static_assert(integer_elements<MushinLeft>, "[floor_divide] needs integers: of floats take floor(a / b)");
  detail::check_operands("floor_divide", a, b);
  using core::floor_divide;
  return detail::broadcasted<typename MushinLeft::element, A, B>(floor_divide(detail::raw<B>(a), detail::raw<A>(b)));
}

/// What floor_divide leaves, a - floor_divide(a, b) * b: of b's sign; 0 where b is 0. Integers.
template <class A, class B>
requires Operands<A, B>
auto remainder(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("remainder", A, B);
  static_assert(integer_elements<MushinLeft>, "[remainder] needs integers");
  detail::check_operands("remainder", a, b);
  using core::remainder;
  return detail::broadcasted<typename MushinLeft::element, A, B>(remainder(detail::raw<B>(a), detail::raw<A>(b)));
}

/// The greater of each pair; NaN if either is. Gradient: the cotangent, to the greater; half to each of equals.
template <class A, class B>
requires Operands<A, B>
auto maximum(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("maximum", A, B);
  MUSHIN_RULE_NUMBERS("maximum", MushinLeft);
  detail::check_operands("maximum", a, b);
  using core::maximum;
  return detail::broadcasted<typename MushinLeft::element, A, B>(maximum(detail::raw<B>(a), detail::raw<A>(b)));
}

/// The lesser of each pair; NaN if either is. Gradient: the cotangent, to the lesser; half to each of equals.
template <class A, class B>
requires Operands<A, B>
auto minimum(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("minimum", A, B);
  MUSHIN_RULE_NUMBERS("minimum", MushinLeft);
  detail::check_operands("minimum", a, b);
  using core::minimum;
  return detail::broadcasted<typename MushinLeft::element, A, B>(minimum(detail::raw<B>(a), detail::raw<A>(b)));
}

/// -x of each element. Not bool. Gradient: minus the cotangent.
template <TensorOperand A>
auto operator-(A&& a) {
  MUSHIN_RULE_NUMBERS("neg", A);
  using core::neg;
  return detail::like<A>(neg(std::forward<A>(a).raw()));
}

/// |x| of each element. Not bool. Gradient: the cotangent times the sign of x, 0 at 0.
template <TensorOperand A>
auto abs(A&& a) {
  MUSHIN_RULE_NUMBERS("abs", A);
  using core::abs;
  return detail::like<A>(abs(std::forward<A>(a).raw()));
}

/// max(x, 0) of each element; NaN stays. Not bool. Gradient: the cotangent where x > 0, else 0.
template <TensorOperand A>
auto relu(A&& a) {
  MUSHIN_RULE_NUMBERS("relu", A);
  using core::relu;
  return detail::like<A>(relu(std::forward<A>(a).raw()));
}

/// e^x of each element. Float types. Gradient: the cotangent times e^x.
template <TensorOperand A>
auto exp(A&& a) {
  MUSHIN_RULE_FLOAT("exp", A);
  using core::exp;
  return detail::like<A>(exp(std::forward<A>(a).raw()));
}

/// Natural logarithm of each element; NaN below 0. Float types. Gradient: the cotangent over x.
template <TensorOperand A>
auto log(A&& a) {
  MUSHIN_RULE_FLOAT("log", A);
  using core::log;
  return detail::like<A>(log(std::forward<A>(a).raw()));
}

/// Hyperbolic tangent of each element. Float types. Gradient: the cotangent times 1 - y^2.
template <TensorOperand A>
auto tanh(A&& a) {
  MUSHIN_RULE_FLOAT("tanh", A);
  using core::tanh;
  return detail::like<A>(tanh(std::forward<A>(a).raw()));
}

/// Error function of each element. Float types. Gradient: the cotangent times 2 / sqrt(pi) e^(-x^2).
template <TensorOperand A>
auto erf(A&& a) {
  MUSHIN_RULE_FLOAT("erf", A);
  using core::erf;
  return detail::like<A>(erf(std::forward<A>(a).raw()));
}

/// Square root of each element; NaN below 0. Float types. Gradient: the cotangent over 2 sqrt(x).
template <TensorOperand A>
auto sqrt(A&& a) {
  MUSHIN_RULE_FLOAT("sqrt", A);
  using core::sqrt;
  return detail::like<A>(sqrt(std::forward<A>(a).raw()));
}

/// 1 / (1 + e^-x) of each element. Float types. Gradient: the cotangent times y (1 - y).
template <TensorOperand A>
auto sigmoid(A&& a) {
  MUSHIN_RULE_FLOAT("sigmoid", A);
  using core::sigmoid;
  return detail::like<A>(sigmoid(std::forward<A>(a).raw()));
}

// Comparisons and logical ops: operands as above, result bool. They have no gradient: of variables they take the values.

/// Elementwise `a == b`; false where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator==(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("equal", A, B);
  detail::check_operands("equal", a, b);
  using core::equal;
  return detail::broadcasted<bool, A, B>(equal(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise `a != b`; true where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator!=(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("not_equal", A, B);
  detail::check_operands("not_equal", a, b);
  using core::not_equal;
  return detail::broadcasted<bool, A, B>(not_equal(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise `a < b`; false where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator<(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("less", A, B);
  detail::check_operands("less", a, b);
  using core::less;
  return detail::broadcasted<bool, A, B>(less(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise `a <= b`; false where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator<=(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("less_equal", A, B);
  detail::check_operands("less_equal", a, b);
  using core::less_equal;
  return detail::broadcasted<bool, A, B>(less_equal(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise `a > b`; false where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator>(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("greater", A, B);
  detail::check_operands("greater", a, b);
  using core::greater;
  return detail::broadcasted<bool, A, B>(greater(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise `a >= b`; false where either is NaN.
template <class A, class B>
requires Operands<A, B>
auto operator>=(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("greater_equal", A, B);
  detail::check_operands("greater_equal", a, b);
  using core::greater_equal;
  return detail::broadcasted<bool, A, B>(greater_equal(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise and; bool only. Both operands are evaluated.
template <class A, class B>
requires Operands<A, B>
auto operator&&(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("logical_and", A, B);
  MUSHIN_RULE_BOOL("logical_and", MushinLeft);
  detail::check_operands("logical_and", a, b);
  using core::logical_and;
  return detail::broadcasted<bool, A, B>(logical_and(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise or; bool only. Both operands are evaluated.
template <class A, class B>
requires Operands<A, B>
auto operator||(const A& a, const B& b) {
  MUSHIN_RULE_OPERANDS("logical_or", A, B);
  MUSHIN_RULE_BOOL("logical_or", MushinLeft);
  detail::check_operands("logical_or", a, b);
  using core::logical_or;
  return detail::broadcasted<bool, A, B>(logical_or(detail::constant(detail::raw<B>(a)), detail::constant(detail::raw<A>(b))));
}

/// Elementwise not; bool only.
template <TensorLike A>
auto operator!(const A& a) {
  MUSHIN_RULE_BOOL("logical_not", A);
  using core::logical_not;
  return detail::like<A>(logical_not(a.raw()));
}

/// `a` where `condition` is true, else `b`. condition: bool; a, b: tensors of one element type, or a tensor and a number; all three
/// broadcast. Gradient: the cotangent, to the branch taken. ShapeError where named extents disagree.
template <TensorLike C, class A, class B>
requires Operands<A, B>
auto where(const C& condition, const A& a, const B& b) {
  static_assert(bool_elements<C>, "[where] the condition must be bool: compare first, as in a != 0");
  MUSHIN_RULE_OPERANDS("where", A, B);
  constexpr Shape branches = rules::broadcast(MushinLeft::extents, MushinRight::extents);
  if constexpr (!rules::broadcasts(C::extents, branches))
    static_assert(extents_broadcast<spell(C::extents), spell(branches)>, "[where] extents must be equal or 1, counted from the last");
  detail::check_operands("where", a, b);
  detail::check_operands("where", condition, a);
  detail::check_operands("where", condition, b);
  using core::where;
  return detail::made<typename MushinLeft::element, rules::broadcast(C::extents, branches)>(
      where(detail::constant(condition.raw()), detail::raw<B>(a), detail::raw<A>(b)));
}

/// Each element converted to `U`: floats to integers towards zero (the nearest value where they don't fit, NaN to 0), integers to
/// smaller ones by their low bits, anything to bool as `x != 0`, to 16-bit floats rounded once. Gradient between float types:
/// the cotangent, converted back. A variable has no integer or bool form.
template <class U, TensorLike A>
auto to(const A& a) {
  static_assert(is_element_type<U>, "[to] not an element type: use float, double, f16, bf16, bool or an integer of 8, 32 or 64 bits");
  static_assert(Constant<A> || is_float_type<U>, "[to] only float types have a gradient: cast the value, x.value().to<U>()");
  using core::cast;
  return detail::made<U, A::extents>(cast(a.raw(), dtype_of<U>));
}

}  // namespace mushin
