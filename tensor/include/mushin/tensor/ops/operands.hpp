#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/run_time_checks.hpp"
#include "mushin/tensor/shape_rules/broadcast.hpp"
#include "mushin/tensor/tensor_like.hpp"

namespace mushin {

/// What an elementwise op of two operands takes: two tensors, or a tensor and a number.
template <class A, class B>
concept Operands = (TensorLike<A> && (TensorLike<B> || Scalar<B>)) || (Scalar<A> && TensorLike<B>);

namespace detail {

/// A number beside a tensor of element type `T`, as a tensor of rank 0.
template <class T>
struct Number {
  using element = T;
  static constexpr Shape extents{};
};
/// What the rules see of operand `A` beside `B`: itself, or a scalar in the element type of `B`.
template <class A, class B>
struct operand {
  using type = A;
};
template <Scalar A, class B>
struct operand<A, B> {
  using type = Number<typename B::element>;
};

/// Does a number of type `S` have a value in element type `T`? A fraction has none among the integers.
template <class S, class T>
inline constexpr bool number_fits = !((std::floating_point<S> || is_half_type<S>)&&std::integral<T>);
template <class A, class B>
inline constexpr bool numbers_fit = true;
template <Scalar A, TensorLike B>
inline constexpr bool numbers_fit<A, B> = number_fits<A, typename B::element>;
template <TensorLike A, Scalar B>
inline constexpr bool numbers_fit<A, B> = number_fits<B, typename A::element>;

/// Is the number one of the integer type's?
template <class T, class S>
constexpr bool has_value(S s) {
  constexpr bool is_signed = static_cast<T>(-1) < T{0};
  constexpr auto greatest = static_cast<std::uint64_t>(-1) >> (64 - 8 * sizeof(T) + is_signed);
  if constexpr (std::is_signed_v<S>)
    if (s < 0) return is_signed && static_cast<std::int64_t>(s) >= -static_cast<std::int64_t>(greatest) - 1;
  return static_cast<std::uint64_t>(s) <= greatest;
}

template <class Other, TensorLike A>
decltype(auto) raw(const A& a) {
  return a.raw();
}
template <class Other, Scalar S>
core::Array raw(S s) {
  using T = typename Other::element;
  if constexpr (std::integral<S> && is_integer_type<T> && !std::same_as<S, bool>) {
    if (!has_value<T>(s)) core::fail_number(static_cast<double>(s), dtype_of<T>);
  }
  if constexpr (std::integral<S>)
    return core::literal(s, dtype_of<T>);
  else
    return core::literal(static_cast<double>(s), dtype_of<T>);
}

template <class A, class B>
void check_operands(const char* op, const A& a, const B& b) {
  if constexpr (TensorLike<A> && TensorLike<B>) check_broadcast(op, a, b);
}

/// The typed result of an elementwise op on `A` and `B`, with element type `T`.
template <class T, class A, class B, class Raw>
auto broadcasted(Raw raw) {
  return made<T, rules::broadcast(operand<A, B>::type::extents, operand<B, A>::type::extents)>(std::move(raw));
}
template <class A, class B>
using element_of = typename operand<A, B>::type::element;

}  // namespace detail

}  // namespace mushin

// The rules of elementwise ops. Macros, since the sentence of a static_assert is a literal and begins with the op's name.
#define MUSHIN_RULE_OPERANDS(op, A, B)                                                                                                    \
  static_assert(detail::numbers_fit<A, B>, "[" op "] a fraction does not mix with integers: cast with .to<float>()");                     \
  using MushinLeft = typename detail::operand<A, B>::type;                                                                                \
  using MushinRight = typename detail::operand<B, A>::type;                                                                               \
  static_assert(same_element_type<MushinLeft, MushinRight>, "[" op "] both tensors must have the same element type: cast with .to<T>()"); \
  if constexpr (!rules::broadcasts(MushinLeft::extents, MushinRight::extents))                                                            \
  static_assert(extents_broadcast<spell(MushinLeft::extents), spell(MushinRight::extents)>,                                               \
                "[" op "] extents must be equal or 1, counted from the last")
#define MUSHIN_RULE_NUMBERS(op, A) \
  static_assert(number_elements<std::remove_cvref_t<A>>, "[" op "] needs numbers, not bool: cast with .to<float>()")
#define MUSHIN_RULE_FLOAT(op, A) \
  static_assert(float_elements<std::remove_cvref_t<A>>, "[" op "] needs a float element type: cast with .to<float>()")
#define MUSHIN_RULE_BOOL(op, A) \
  static_assert(bool_elements<std::remove_cvref_t<A>>, "[" op "] needs bool elements: compare first, as in a != 0")
