#pragma once
#include <tuple>

#include "mushin/autograd/variable.hpp"

namespace mushin {

/// `grad<create_graph>(z, w)`: the gradients are themselves differentiable.
struct CreateGraph {};
inline constexpr CreateGraph create_graph;

/// Gradient of sum(z) with respect to each of `w...`: the tensor itself for one, a tuple for several; zeros where z doesn't
/// depend on it. z: Traced; w: Variable or Traced. Result: Tensor of w's type, Traced under `grad<create_graph>`. Leaves every
/// `.grad()` and the graph as they are. GraphError when z was made from no variable, or its graph was freed.
template <auto Mode = 0, TensorLike Z, TensorLike... W>
auto grad(const Z& z, const W&... w) {
  static_assert(Differentiable<Z>, "[grad] of a constant: z was not made from any variable");
  static_assert((Differentiable<W> && ...), "[grad] with respect to a constant: make it a variable with mu::variable(x)");
  static_assert(sizeof...(W) > 0, "[grad] say with respect to what: grad(z, w)");
  if constexpr ((Differentiable<Z> && ... && Differentiable<W>)&&sizeof...(W) > 0) {
    constexpr bool differentiable = std::same_as<std::remove_const_t<decltype(Mode)>, CreateGraph>;
    const core::Traced with[] = {w.raw()...};
    core::Traced grads[sizeof...(W)];
    core::gradients(z.raw(), with, grads, sizeof...(W), differentiable);
    unsigned i = 0;
    auto next = [&]<class A>(const A&) {
      if constexpr (differentiable)
        return traced_of<A>{grads[i++]};
      else
        return value_of<A>{grads[i++].value()};
    };
    if constexpr (sizeof...(W) == 1)
      return next(w...);
    else
      return std::tuple{next(w)...};  // braces: evaluated left to right
  }
}

namespace detail {
template <class A>
auto values(const A& a) {
  if constexpr (Differentiable<A>)
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

template <class Value, class Gradients>
struct ValueAndGrad {
  Value value;
  Gradients grad;
};

/// `auto [value, g] = value_and_grad(f)(p...)`: `f` of differentiable values of `p...` (constants or variables), and the
/// gradients of its sum: the tensor itself for one, a tuple for several. `f` takes and gives Traced: a generic lambda.
template <class F>
auto value_and_grad(F f) {
  return [f = std::move(f)]<TensorLike... P>(const P&... p) {
    static_assert((!std::same_as<P, traced_of<P>> && ...),
                  "[value_and_grad] takes constants or variables: pass the value of a result, x.value()");
    auto run = [&](const auto&... w) {
      auto z = f(w...);
      auto g = grad(z, w...);
      return ValueAndGrad<decltype(detail::values(z)), decltype(g)>{detail::values(z), std::move(g)};
    };
    return run(traced_of<P>{core::Leaf{detail::constant(p.raw())}.traced()}...);
  };
}

}  // namespace mushin
