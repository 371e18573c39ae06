#pragma once
#include <utility>

#include "mushin/autograd/grad.hpp"
#include "mushin/tensor/run_time_checks.hpp"

namespace mushin {

/// What `vjp` gives.
template <class Value, class Pull>
struct Vjp {
  Value value;
  Pull pull;  ///< a function: cotangent to gradients
};

namespace detail {
template <TensorLike A>
auto arguments_of(const A& a) {
  if constexpr (requires { a.leaf(); })
    return std::tuple{a.value()};  // variables don't copy
  else
    return std::tuple<A>{a};
}
template <class... A>
const std::tuple<A...>& arguments_of(const std::tuple<A...>& t) {
  return t;
}

/// Of one shape and element type, mapped or not.
template <class A, class B>
inline constexpr bool same_kind = same_element_type<A, B>&& A::extents == B::extents;
template <class A, class B>
inline constexpr bool same_kinds = false;
template <class... A, class... B>
requires(sizeof...(A) == sizeof...(B)) inline constexpr bool same_kinds<std::tuple<A...>, std::tuple<B...>> = (same_kind<A, B> && ...);

/// vjp's function, for cotangents with a mapped axis that its value lacks: it is run again, on variables that have it.
template <class F>
struct Again {
  F f;

  template <bool Linked, class C, class... X>
  auto gradients(const C& cotangent, const X&... x) const {
    const auto pull = [&](const auto&... w) { return detail::gradients<Linked>(sum(f(w...) * cotangent), w...); };
    return pull(fresh<C, X...>(x)...);
  }
};
template <class F>
requires(!std::copy_constructible<F>) struct Again<F> {
  explicit Again(const F&) {}
};

template <class A>
inline constexpr unsigned every_axis = (1u << A::rank()) - 1;
}  // namespace detail

/// `auto [value, pull] = vjp(f, x...)`: the value of `f` at `x...`, and the function `pull(cotangent)`: the gradients of
/// sum(cotangent * f) with respect to `x...`, the tensor itself for one, a tuple for several. `pull` may be called many times.
/// x: constants, variables (of which the value is taken) or results. `f` takes and gives Traced: a generic lambda. The cotangent: a
/// constant of the type of f's value; GraphError where sizes of named extents differ. vmap(pull) runs a copy of f again, once for all
/// cotangents. Of results the value and the gradients are results.
template <class F, TensorLike... X>
auto vjp(F&& f, const X&... x) {
  static_assert(sizeof...(X) > 0, "[vjp] say at what: vjp(f, x)");
  constexpr bool linked = (detail::is_result<X> || ...);
  using Like = detail::result_at<F, X...>;
  std::tuple with{detail::fresh<Like>(x)...};
  auto z = std::apply(f, std::as_const(with));
  using Z = decltype(z);
  static_assert(Differentiable<Z>, "[vjp] f has no gradient: what it returns was not made from its arguments");
  auto value = detail::values<linked>(z);
  auto pull = [z = std::move(z), with = std::move(with), again = detail::Again<std::decay_t<F>>{f}]<TensorLike C>(const C& cotangent) {
    static_assert(Constant<C>, "[vjp] the cotangent must be a constant: pass its value, g.value()");
    static_assert(detail::same_kind<C, Z>, "[vjp] the cotangent must have the shape and element type of f's value");
    core::check_cotangent("vjp", z.shape(), cotangent.shape());
    constexpr bool again_possible = std::copy_constructible<std::decay_t<F>>,
                   once = detail::sees_each<detail::raw_of<Z>, detail::raw_of<C>>;
    static_assert(once || again_possible,
                  "[vjp] under vmap f is run again for the cotangents: it must be copyable, as a lambda that refers to it is");
    if constexpr (once)
      return std::apply([&](const auto&... w) { return detail::gradients<linked>(sum(z * cotangent), w...); }, with);
    else if constexpr (again_possible)
      return std::apply([&](const auto&... w) { return again.template gradients<linked>(cotangent, detail::values<linked>(w)...); }, with);
  };
  return Vjp<decltype(value), decltype(pull)>{std::move(value), std::move(pull)};
}

/// What `jvp` gives.
template <class F>
class Jvp {
 public:
  explicit Jvp(F f) : f_(std::move(f)) {}
  template <class X, class D>
  auto operator()(const X& at, const D& along_what) const {
    return derivative(detail::arguments_of(at), detail::arguments_of(along_what));
  }

 private:
  template <TensorLike... X, TensorLike... D>
  auto derivative(const std::tuple<X...>& x, const std::tuple<D...>& tangents) const {
    static_assert(sizeof...(X) == sizeof...(D), "[jvp] takes one tangent for each argument");
    constexpr bool linked = (detail::is_result<X> || ...) || (detail::is_result<D> || ...);
    static_assert(((Constant<D> || detail::is_result<D>)&&...), "[jvp] the tangent must be a constant: pass its value, t.value()");
    static_assert(detail::same_kinds<std::tuple<X...>, std::tuple<D...>>,
                  "[jvp] the tangent must have the shape and element type of the argument");
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (core::check_equal("jvp", std::get<I>(x).shape(), std::get<I>(tangents).shape(), detail::every_axis<X>), ...);
    }
    (std::index_sequence_for<X...>{});
    using Like = detail::result_at<const F, X...>;
    const auto with = std::apply([](const auto&... a) { return std::tuple{detail::fresh<Like, X..., D...>(a)...}; }, x);
    const auto z = std::apply(f_, with);
    using Z = std::remove_const_t<decltype(z)>;
    static_assert(Differentiable<Z>, "[jvp] f has no gradient: what it returns was not made from its arguments");
    // The gradients are linear in the cotangent u; the derivative of sum(gradients * tangents) by u is what's asked for.
    const auto u = detail::fresh<Like, X..., D...>(detail::values(z));
    const auto pulled = std::apply([&](const auto&... w) { return detail::arguments_of(grad<create_graph>(sum(z * u), w...)); }, with);
    auto along = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return detail::gradients<linked>((to<typename Z::element>(sum(std::get<I>(pulled) * std::get<I>(tangents))) + ...), u);
    };
    return along(std::make_index_sequence<sizeof...(X)>{});
  }

  F f_;
};

/// `jvp(f)(x, tangent)`: the derivative of `f` at `x` along `tangent`, of the type of f's value; for several arguments
/// `jvp(f)(std::tuple{x, y}, std::tuple{tx, ty})`. By two backward passes, the second through the first: any op whose
/// gradient is differentiable has it. x: constants, variables or results; tangents: constants or results of x's types. The derivative is a
/// result where one of these is.
template <class F>
auto jvp(F f) {
  return Jvp<F>{std::move(f)};
}

}  // namespace mushin
