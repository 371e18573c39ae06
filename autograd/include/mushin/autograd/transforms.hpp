#pragma once
#include <utility>

#include "mushin/autograd/grad.hpp"
#include "mushin/tensor/run_time_checks.hpp"

namespace mushin {

/// What `vjp` gives.
template <class Value, class Pull>
struct Vjp {
  Value value;
  Pull pull;
};

namespace detail {
/// A fresh variable's value: what a transform hands to its function.
template <class X>
traced_of<X> fresh(const X& x) {
  return traced_of<X>{core::Leaf{constant(x.raw())}.traced()};
}

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

template <class A>
inline constexpr unsigned every_axis = (1u << A::rank()) - 1;
}  // namespace detail

/// `auto [value, pull] = vjp(f, x...)`: the value of `f` at `x...`, and the function `pull(cotangent)`: the gradients of
/// sum(cotangent * f) with respect to `x...`, the tensor itself for one, a tuple for several. `pull` may be called many times.
/// x: constants or variables, of which the value is taken. `f` takes and gives Traced: a generic lambda. The cotangent: a constant of the
/// type of f's value; ShapeError where sizes of named extents differ.
template <class F, TensorLike... X>
auto vjp(F&& f, const X&... x) {
  static_assert(sizeof...(X) > 0, "[vjp] say at what: vjp(f, x)");
  static_assert((!std::same_as<X, traced_of<X>> && ...), "[vjp] takes constants or variables: pass the value of a result, x.value()");
  std::tuple<traced_of<X>...> with{detail::fresh(x)...};
  auto z = std::apply(f, std::as_const(with));
  using Z = decltype(z);
  static_assert(Differentiable<Z>, "[vjp] f has no gradient: what it returns was not made from its arguments");
  auto value = detail::values(z);
  auto pull = [z = std::move(z), with = std::move(with)]<TensorLike C>(const C& cotangent) {
    static_assert(Constant<C>, "[vjp] the cotangent must be a constant: pass its value, g.value()");
    static_assert(same_type<value_of<C>, value_of<Z>>, "[vjp] the cotangent must have the shape and element type of f's value");
    core::check_equal("vjp", z.shape(), cotangent.shape(), detail::every_axis<C>);
    return std::apply([&](const auto&... w) { return grad(sum(z * cotangent), w...); }, with);
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
    static_assert((!std::same_as<X, traced_of<X>> && ...), "[jvp] takes constants or variables: pass the value of a result, x.value()");
    static_assert((Constant<D> && ...), "[jvp] the tangent must be a constant: pass its value, t.value()");
    static_assert(same_type<std::tuple<value_of<X>...>, std::tuple<value_of<D>...>>,
                  "[jvp] the tangent must have the shape and element type of the argument");
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (core::check_equal("jvp", std::get<I>(x).shape(), std::get<I>(tangents).shape(), detail::every_axis<X>), ...);
    }
    (std::index_sequence_for<X...>{});
    const auto with = std::apply([](const auto&... a) { return std::tuple<traced_of<X>...>{detail::fresh(a)...}; }, x);
    const auto z = std::apply(f_, with);
    using Z = std::remove_const_t<decltype(z)>;
    static_assert(Differentiable<Z>, "[jvp] f has no gradient: what it returns was not made from its arguments");
    // The gradients are linear in the cotangent u; the derivative of sum(gradients * tangents) by u is what's asked for.
    const auto u = detail::fresh(detail::values(z));
    const auto pulled = std::apply([&](const auto&... w) { return detail::arguments_of(grad<create_graph>(sum(z * u), w...)); }, with);
    auto along = [&]<std::size_t... I>(std::index_sequence<I...>) {
      return grad((to<typename Z::element>(sum(std::get<I>(pulled) * std::get<I>(tangents))) + ...), u);
    };
    return along(std::make_index_sequence<sizeof...(X)>{});
  }

  F f_;
};

/// `jvp(f)(x, tangent)`: the derivative of `f` at `x` along `tangent`, of the type of f's value; for several arguments
/// `jvp(f)(std::tuple{x, y}, std::tuple{tx, ty})`. By two backward passes, the second through the first: any op whose
/// gradient is differentiable has it. x: constants or variables; tangents: constants of x's types.
template <class F>
auto jvp(F f) {
  return Jvp<F>{std::move(f)};
}

}  // namespace mushin
