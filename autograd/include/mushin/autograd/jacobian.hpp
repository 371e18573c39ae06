#pragma once
#include "mushin/autograd/transforms.hpp"
#include "mushin/autograd/vmap.hpp"
#include "mushin/tensor/core/makers.hpp"

namespace mushin {

namespace detail {
/// The extents of one behind those of the other.
constexpr Shape product_of(Shape out, Shape in) {
  for (unsigned i = 0; i < in.rank; ++i) out.push(in[i]);
  return out;
}
constexpr extent count_of(Shape s) {
  extent n = 1;
  for (unsigned i = 0; i < s.rank; ++i) n = n * s[i];
  return n;
}

/// The cotangents of each element of a result: (elements, result…).
template <class Z>
auto cotangents(const core::Sizes& result) {
  const std::int64_t n = result.count();
  core::Sizes to{n};
  for (unsigned i = 0; i < result.rank; ++i) to.push(result[i]);
  return made<typename Z::element, rules::stack(Z::extents, 0, count_of(Z::extents))>(
      core::reshape(core::eye({n, n}, dtype_of<typename Z::element>, 1), to));
}
/// (elements, argument…) as (result…, argument…).
template <class Z, class G>
auto unfolded(const G& g, const core::Sizes& result) {
  using core::reshape;
  constexpr Shape in = rules::at(G::extents, 0);
  core::Sizes to = result;
  for (unsigned i = 1; i < g.shape().rank; ++i) to.push(g.shape()[i]);
  return made<typename G::element, product_of(Z::extents, in)>(reshape(g.raw(), to));
}
template <class Z, class... G>
auto unfolded(const std::tuple<G...>& g, const core::Sizes& result) {
  return std::apply([&](const auto&... each) { return std::tuple{unfolded<Z>(each, result)...}; }, g);
}
template <class Z>
core::Sizes static_sizes() {
  core::Sizes out;
  for (unsigned i = 0; i < Z::extents.rank; ++i) out.push(Z::extents[i].size);
  return out;
}
}  // namespace detail

/// What `jacobian` gives.
template <class F>
class Jacobian {
 public:
  explicit Jacobian(F f) : f_(std::move(f)) {}

  template <TensorLike... X>
  auto operator()(const X&... x) const {
    static_assert(sizeof...(X) > 0, "[jacobian] say at what: jacobian(f)(x)");
    using Z = detail::result_at<const F, X...>;
    static_assert(Differentiable<Z>, "[jacobian] f has no gradient: what it returns was not made from its arguments");
    if constexpr (Differentiable<Z> && sizeof...(X) > 0) {
      static_assert(((Z::extents.rank + X::extents.rank <= max_rank) && ...) && Z::extents.rank < max_rank,
                    "[jacobian] at most 8 axes, those of f's value and of the argument together");
      const core::Sizes result = sizes_of<Z>(x...);
      const auto each = [&](const auto& cotangent) { return pulled<Z>(cotangent, x...); };
      return detail::unfolded<Z>(vmap(each)(detail::cotangents<Z>(result)), result);
    }
  }

 private:
  template <class Z, class... X>
  core::Sizes sizes_of(const X&... x) const {
    if constexpr (Z::extents.is_static())
      return detail::static_sizes<Z>();
    else
      return f_(detail::fresh(x)...).shape();
  }
  /// Of variables that have the mapped axis of the cotangent: one for each element of the result.
  template <class Z, class C, class... X>
  auto pulled(const C& cotangent, const X&... x) const {
    constexpr bool linked = (detail::is_result<X> || ...);
    const auto pull = [&](const auto&... w) { return detail::gradients<linked>(sum(f_(w...) * cotangent), w...); };
    return pull(detail::fresh<Z, C, X...>(x)...);
  }

  F f_;
};

/// `jacobian(f)(x)`: the derivatives of each element of f(x) by each of x: the extents of f's value, behind them those of x; for several
/// arguments a tuple. By one batched pass: f and its gradient on as many copies of x as f's value has elements, with vmap, so f must be
/// made of ops that have a batched form. It is run once before where a size of its value isn't in its type. x: constants or variables;
/// of a result the Jacobian is a result. `f` takes and gives Traced: a generic lambda.
template <class F>
auto jacobian(F f) {
  return Jacobian<F>{std::move(f)};
}

/// `hessian(f)(x)`: the second derivatives of a scalar f: the extents of x twice. The Jacobian of the gradient, with all that is said
/// there.
template <class F>
auto hessian(F f) {
  return [f = std::move(f)]<TensorLike X>(const X& x) {
    using Z = detail::result_at<const F, X>;
    static_assert(Z::extents.rank == 0, "[hessian] f must give a scalar: sum its value, or ask for the jacobian of its gradient");
    return jacobian([&f](const auto& p) { return value_and_grad(f)(p).grad; })(x);
  };
}

}  // namespace mushin
