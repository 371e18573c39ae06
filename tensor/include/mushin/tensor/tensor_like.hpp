#pragma once
#include <concepts>
#include <utility>

#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/shape.hpp"

namespace mushin {

/// What ops accept: Tensor, and the autograd layer's Variable and Traced.
/// `raw()` gives the untyped handle, and its type chooses the algebra: an op calls `op(a.raw(), b.raw())`, which is
/// core::op on core::Array (eager, tensor layer) or on core::Traced (recording, autograd layer).
template <class A>
concept TensorLike = requires(const A& a) {
  typename A::element;
  A::extents;
  a.raw();
};

/// A tensor, or a reference to one. An op that takes `A&&` lets go of a temporary before it returns, so that f(g(x)) is computed in one
/// pass: a pending value with another owner would be written out for it.
template <class A>
concept TensorOperand = TensorLike<std::remove_cvref_t<A>>;

/// A number that mixes with tensors.
template <class S>
concept Scalar = std::is_arithmetic_v<S> || is_half_type<S>;

/// The typed handle around an untyped one: `typed_handle<core::Array>::of<T, E...>` is Tensor<T, E...>. Each layer
/// specialises it for its own handle.
template <class Raw>
struct typed_handle;

namespace detail {
template <class Raw, class T, auto S, class Axes = std::make_integer_sequence<unsigned, S.rank>>
struct unpack;
template <class Raw, class T, auto S, unsigned... I>
struct unpack<Raw, T, S, std::integer_sequence<unsigned, I...>> {
  using type = typename typed_handle<Raw>::template of<T, S.at[I]...>;
};
}  // namespace detail

/// Tensor or Traced, whichever `Raw` is the handle of, with element type `T` and shape `S`.
template <class Raw, class T, auto S>
using typed = typename detail::unpack<Raw, T, S>::type;  // `Shape S` crashes GCC 12.2

namespace detail {

/// `raw` as a typed handle.
template <class T, auto S, class Raw>
auto made(Raw raw) {
  return typed<Raw, T, S>{std::move(raw)};
}
/// `raw` with the element type and shape of `A`.
template <class A, class Raw>
auto like(Raw raw) {
  using Like = std::remove_cvref_t<A>;
  return typed<Raw, typename Like::element, Like::extents>{std::move(raw)};
}

/// The value behind any handle: for ops whose result is constant whatever the operands.
template <class Raw>
decltype(auto) constant(const Raw& raw) {
  if constexpr (std::same_as<Raw, core::Array>)
    return (raw);
  else
    return raw.value();
}

template <class A>
using raw_of = std::remove_cvref_t<decltype(std::declval<const A&>().raw())>;

/// The handle that all of them convert to: core::Array, unless one is differentiable.
template <class A, class... B>
struct common_raw_of {
  using type = raw_of<A>;
};
template <class A, class B, class... C>
requires std::same_as<raw_of<A>, core::Array>
struct common_raw_of<A, B, C...> : common_raw_of<B, C...> {
};
template <class... A>
using common_raw = typename common_raw_of<A...>::type;

}  // namespace detail

namespace detail {
/// The element type that sums and products of such elements have.
template <class T>
using sum_of = std::conditional_t<is_integer_type<T>, std::int64_t, T>;
}  // namespace detail

namespace detail {
/// Does the handle hold a value alone? Layers specialise it for handles of their own.
template <class Raw>
inline constexpr bool is_constant = std::same_as<Raw, core::Array>;
/// The handle of a value of the same kind that is constant, around an array.
template <class Raw>
struct constant_handle {
  using type = core::Array;
  static core::Array around(core::Array whole) { return whole; }
};
}  // namespace detail

/// A value that gradients can be taken of: one whose handle isn't that of a constant.
template <class A>
concept Differentiable = TensorLike<A> && !detail::is_constant<detail::raw_of<A>>;
/// A value that gradients cannot be taken of.
template <class A>
concept Constant = TensorLike<A> && detail::is_constant<detail::raw_of<A>>;

/// Do both have one element type?
template <class A, class B>
inline constexpr bool same_element_type = std::same_as<typename A::element, typename B::element>;
/// float, double, f16 or bf16.
template <class A>
inline constexpr bool float_elements = is_float_type<typename A::element>;
/// Integers; bool is none.
template <class A>
inline constexpr bool integer_elements = is_integer_type<typename A::element>;
/// Anything but bool.
template <class A>
inline constexpr bool number_elements = !std::same_as<typename A::element, bool>;
/// bool.
template <class A>
inline constexpr bool bool_elements = std::same_as<typename A::element, bool>;
/// std::int64_t, as indices and class numbers are.
template <class A>
inline constexpr bool index_elements = std::same_as<typename A::element, std::int64_t>;

}  // namespace mushin
