#pragma once
// Functions whose gradient the user writes.
#include "mushin/autograd/custom/function.hpp"
#include "mushin/autograd/variable.hpp"
#include "mushin/autograd/vmap.hpp"

namespace mushin {

namespace detail {
template <class F, class... X>
inline constexpr bool has_forward = requires(const F& f, ForwardContext& ctx, const value_of<X>&... x) {
  f.forward(ctx, x...);
};
template <class Y>
inline constexpr bool is_constant_result = Constant<typename forward_result<Y>::type>;

/// The rule for vmap, of operands with the axis of `Map` in front.
template <class F, class Map, class... X>
inline constexpr bool has_vmap_rule = requires(const F& f, const X&... x) {
  f.vmap(leave<Map, dyn>(x, std::int64_t{})...);
};
template <class... M>
struct last_map;
template <class... M>
struct last_map<core::mapped::Maps<M...>> {
  using type = std::tuple_element_t<sizeof...(M) - 1, std::tuple<M...>>;
};
/// Is there a rule for the innermost axis?
template <class F, class Maps, class... X>
inline constexpr bool by_vmap_rule = has_vmap_rule<F, typename last_map<Maps>::type, X...>;
template <class F, class... X>
inline constexpr bool by_vmap_rule<F, core::mapped::Maps<>, X...> = false;

template <class Map, class F, class... X>
auto by_rule(const F& f, const X&... x) {
  return f.vmap(leave<Map, dyn>(x, mapped_size<Map>())...);
}
/// What the rule gave, for what follows in the mapped function.
template <class Map, class Y>
auto enter_given(const Y& y) {
  const std::int64_t sizes[] = {mapped_size<Map>(), y.shape()[0]};
  core::mapped::one_size(sizes, 2);
  return enter<Map>(y);
}
/// Has it an axis in front?
template <class Y>
inline constexpr bool has_front = false;
template <TensorLike Y>
inline constexpr bool has_front<Y> = (Y::extents.rank > 0);

template <class F, class Y, class Saved>
struct backward_call;
template <class F, class Y, class... S>
struct backward_call<F, Y, std::tuple<S...>> {
  using type = BackwardCall<F, Y, S...>;
};
/// What backward gives, as a tuple.
template <class F, class Call>
using gradients_of = decltype(Call::call(std::declval<const F&>(), std::declval<typename Call::context&>(),
                                         std::declval<const typename Call::cotangent&>()));
}  // namespace detail

/// A function whose gradient is written by hand: `apply(f, x...)`, or `apply<F>(x...)` with F made from nothing.
/// `f.forward(ctx, x...)` gets constants and gives one: y, or `ctx.save(y, a...)`. `f.backward(ctx, gy)` gets what was saved and the
/// gradient of y, and gives a gradient of the operand's type for each operand: one, or a tuple, in which constants may be
/// left out. Both are const or static. Result: Traced of y's type; y itself where every operand is constant.
/// backward is called with values of Traced type and may then be differentiated to any order; one that takes constants alone
/// (`const mu::Constant auto& gy`) works at the first order, beyond which it is a GraphError. What it throws passes through,
/// and leaves every variable's gradient as it was. ShapeError when a gradient's named extents have other sizes than the operand's.
///
/// Two rules may be added, const or static. `f.jvp(ctx, t...)`: the tangent of y, of y's type, for a tangent of each operand (zeros for a
/// constant); ctx as backward's. mu::jvp needs it, and asks it, where backward takes constants alone; else it differentiates backward.
/// `f.vmap(x...)`: what apply gives for operands (constants or results) with a mapped axis in front, of extent dyn, also where an operand
/// is one for all; its result has that axis in front. Without it forward and backward are called under vmap with values that stand for
/// many, as vmap's function is, and a gradient of what is one for all is summed.
template <class F, TensorLike... X>
auto apply(F f, const X&... x) {
  static_assert(sizeof...(X) > 0, "[apply] give the operands: apply<F>(x)");
  using Maps = core::mapped::all_maps<detail::raw_of<X>...>;
  if constexpr (detail::by_vmap_rule<F, Maps, X...>) {
    using Map = typename detail::last_map<Maps>::type;
    const auto y = detail::by_rule<Map>(f, x...);
    using Y = std::remove_const_t<decltype(y)>;
    static_assert(detail::has_front<Y>,
                  "[apply] vmap(x...) gets operands with the mapped axis in front, and must give one tensor that has it");
    if constexpr (detail::has_front<Y>) return detail::enter_given<Map>(y);
  } else {
    static_assert(detail::has_forward<F, X...>, "[apply] forward(ctx, x...) must take the context and a constant for each operand");
    if constexpr (sizeof...(X) > 0 && detail::has_forward<F, X...>) {
      const std::tuple<value_of<X>...> values{value_of<X>{detail::constant(x.raw())}...};
      ForwardContext ctx;
      const auto y = std::apply([&](const auto&... v) { return std::as_const(f).forward(ctx, v...); }, values);
      using Given = std::remove_const_t<decltype(y)>;
      static_assert(detail::is_constant_result<Given>, "[apply] forward must give a constant: one tensor, or ctx.save(tensor, saved...)");
      if constexpr (detail::is_constant_result<Given>) {
        using Y = typename detail::forward_result<Given>::type;
        if constexpr (!(Differentiable<X> || ...))
          return detail::result_of(y);
        else {
          using Saved = typename detail::forward_result<Given>::saved;
          using Call = typename detail::backward_call<F, Y, Saved>::type;
          static_assert(Call::exists,
                        "[apply] backward(ctx, gy) must take the context and the gradient of the result: write both as const auto&");
          if constexpr (Call::exists) {
            using Gradients = detail::GradientsOf<detail::gradients_of<F, Call>, X...>;
            static_assert(Gradients::one_for_each,
                          "[apply] backward must return a gradient for each operand, or for each that is no constant: one, or a tuple");
            if constexpr (Gradients::one_for_each)
              static_assert(Gradients::all_fit(std::index_sequence_for<X...>{}),
                            "[apply] a gradient must have the element type and extents of its operand");
            const std::array<core::Traced, sizeof...(X)> operands{core::Traced(core::mapped::whole(x.raw()))...};
            using Made = detail::CustomFunction<F, Y, std::tuple<X...>, Saved>;
            static_assert(Made::Tangent::fits(), "[apply] jvp must give a tangent with the element type and extents of the result");
            return detail::like_around<Y>(core::record_function(name_of_type<F>, core::mapped::whole(detail::result_of(y).raw()),
                                                                operands.data(), sizeof...(X),
                                                                new Made(std::move(f), detail::kept(y, values, operands))));
          }
        }
      }
    }
  }
}
template <class F, TensorLike... X>
auto apply(const X&... x) {
  return apply(F{}, x...);
}

}  // namespace mushin
