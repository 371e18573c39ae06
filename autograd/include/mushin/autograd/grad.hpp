#pragma once
#include <tuple>

#include "mushin/autograd/core/mapped.hpp"
#include "mushin/autograd/variable.hpp"

namespace mushin {

/// `grad<create_graph>(z, w)`: the gradients are themselves differentiable.
struct CreateGraph {};
inline constexpr CreateGraph create_graph;

namespace detail {
/// Has `W` every mapped axis that `Z` has? Then a gradient has them, too.
template <class W, class Z>
inline constexpr bool sees_each = core::mapped::all_maps<W, Z>::count == core::mapped::maps_of<W>::count;

/// What a transform hands to its function: a fresh variable's value. Under vmap it has every mapped axis of `Like...`, so that each index
/// has a gradient of its own.
template <class Raw, class... Like>
struct Fresh {
  using type = core::Traced;
  static core::Traced of(const Raw& x, bool linked) {
    return linked ? reshape(core::Traced(x), x.sizes()) : core::Leaf{constant(x)}.traced();
  }
};
/// Is it a result, so that what a transform makes of it must be differentiable in turn?
template <class X>
inline constexpr bool is_result = Differentiable<X>&& std::same_as<X, traced_of<X>>;
/// Of a result: made from it, so that the transform's own result has gradients with respect to what it was made from.
template <class... Like, class X>
auto fresh(const X& x) {
  using With = Fresh<raw_of<X>, raw_of<Like>...>;
  return typed<typename With::type, typename X::element, X::extents>{With::of(x.raw(), is_result<X>)};
}
/// What `f` gives for fresh values of `X...`.
template <class F, class... X>
using result_at = std::remove_cvref_t<decltype(std::declval<F&>()(std::declval<const traced_of<X>&>()...))>;
}  // namespace detail

/// Gradient of sum(z) with respect to each of `w...`: the tensor itself for one, a tuple for several; zeros where z doesn't
/// depend on it. z: Traced; w: Variable or Traced. Result: Tensor of w's type, Traced under `grad<create_graph>`. Leaves every
/// `.grad()` and the graph as they are. Under vmap w must be mapped wherever z is. GraphError when z was made from no variable, or its
/// graph was freed.
template <auto Mode = 0, TensorLike Z, TensorLike... W>
auto grad(const Z& z, const W&... w) {
  static_assert(Differentiable<Z>, "[grad] of a constant: z was not made from any variable");
  static_assert((Differentiable<W> && ...), "[grad] with respect to a constant: make it a variable with mu::variable(x)");
  static_assert(sizeof...(W) > 0, "[grad] say with respect to what: grad(z, w)");
  if constexpr ((Differentiable<Z> && ... && Differentiable<W>)&&sizeof...(W) > 0) {
    constexpr bool differentiable = std::same_as<std::remove_const_t<decltype(Mode)>, CreateGraph>;
    static_assert(
        (detail::sees_each<detail::raw_of<W>, detail::raw_of<Z>> && ...),
        "[grad] under vmap w is one value for all, and has one gradient for each: take that of a function, mu::value_and_grad(f)(w)");
    using core::mapped::whole;
    const core::Traced with[] = {whole(w.raw())...};
    core::Traced grads[sizeof...(W)];
    core::gradients(whole(z.raw()), with, grads, sizeof...(W), differentiable);
    unsigned i = 0;
    auto next = [&]<class A>(const A&) {
      if constexpr (differentiable)
        return traced_of<A>{detail::traced_handle<detail::raw_of<A>>::around(grads[i++])};
      else
        return value_of<A>{detail::constant_handle<detail::raw_of<A>>::around(grads[i++].value())};
    };
    if constexpr (sizeof...(W) == 1)
      return next(w...);
    else
      return std::tuple{next(w)...};  // braces: evaluated left to right
  }
}

namespace detail {
template <bool Linked, class Z, class... W>
auto gradients(const Z& z, const W&... w) {
  if constexpr (Linked)
    return grad<create_graph>(z, w...);
  else
    return grad(z, w...);
}
/// The value, or under `Linked` what it is the value of.
template <bool Linked = false, class A>
auto values(const A& a) {
  if constexpr (Differentiable<A> && !Linked)
    return a.value();
  else
    return a;
}
template <class... A>
auto values(const std::tuple<A...>& t) {
  return std::apply([](const auto&... a) { return std::tuple{values(a)...}; }, t);
}
}  // namespace detail

/// Runs `f` without recording. What it returns, or a tuple of it, becomes constants, by type.
template <class F>
auto no_grad(F&& f) {
  core::NoRecording guard;
  if constexpr (std::is_void_v<decltype(std::forward<F>(f)())>)
    std::forward<F>(f)();
  else
    return detail::values(std::forward<F>(f)());
}

/// `auto [value, grad] = value_and_grad(f)(x)`: f(x) and its gradient, or a tuple of gradients where f has several arguments.
template <class Value, class Gradients>
struct ValueAndGrad {
  Value value;
  Gradients grad;
};

/// `auto [value, g] = value_and_grad(f)(p...)`: `f` of differentiable values of `p...` (constants or variables), and the
/// gradients of its sum: the tensor itself for one, a tuple for several. `f` takes and gives Traced: a generic lambda. Of results (Traced)
/// both are results, differentiable in turn. Under vmap each index has a gradient of its own, also of what is one value for all.
template <class F>
auto value_and_grad(F f) {
  return [f = std::move(f)]<TensorLike... P>(const P&... p) {
    constexpr bool linked = (detail::is_result<P> || ...);
    auto run = [&](const auto&... w) {
      auto z = f(w...);
      auto g = detail::gradients<linked>(z, w...);
      auto value = detail::values<linked>(z);
      return ValueAndGrad<decltype(value), decltype(g)>{std::move(value), std::move(g)};
    };
    using Z = detail::result_at<const F, P...>;
    return run(detail::fresh<Z>(p)...);
  };
}

}  // namespace mushin
