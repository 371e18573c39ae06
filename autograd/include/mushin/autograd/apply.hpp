#pragma once
// Functions whose gradient the user writes.
#include <array>
#include <tuple>

#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/name_of_type.hpp"
#include "mushin/autograd/variable.hpp"

namespace mushin {

namespace detail {
template <class Raw, class A>
using like_type = typed<Raw, typename A::element, A::extents>;

/// A saved value that doesn't depend on the operands, as a mask of random numbers.
template <class A>
struct Independent {
  A value;
};
template <class A>
struct saved_value {
  using type = A;
  static constexpr bool independent = !is_float_type<typename A::element>;
};
template <class A>
struct saved_value<Independent<A>> {
  using type = A;
  static constexpr bool independent = true;
};
template <class A>
const A& stripped(const A& a) {
  return a;
}
template <class A>
const A& stripped(const Independent<A>& a) {
  return a.value;
}

/// What forward gives where it saves something.
template <class Y, class... S>
struct Saving {
  Y result;
  std::tuple<S...> values;
  std::array<const void*, sizeof...(S)> place;  // where the originals stand: tells which are operands
};
template <class Y>
struct forward_result {
  using type = Y;
  using saved = std::tuple<>;
};
template <class Y, class... S>
struct forward_result<Saving<Y, S...>> {
  using type = Y;
  using saved = std::tuple<S...>;
};

template <class A>
std::tuple<A> as_tuple(A a) {
  return {std::move(a)};
}
template <class... A>
std::tuple<A...> as_tuple(std::tuple<A...> a) {
  return a;
}
}  // namespace detail

/// What `forward(ctx, x...)` of a custom function gets.
class ForwardContext {
 public:
  /// `return ctx.save(y, a, b)`: the result y, and what backward reads as `auto [a, b] = ctx.saved()`. Save operands and the
  /// result, by the names forward has them under; what else depends on the operands ends at the first order: GraphError at the second.
  template <Constant Y, class... S>
  detail::Saving<Y, S...> save(const Y& y, const S&... values) const {
    return {y, {values...}, {&detail::stripped(values)...}};
  }
  /// `ctx.save(y, x, ctx.independent(mask))`: the mask doesn't depend on the operands.
  template <Constant A>
  detail::Independent<A> independent(const A& a) const {
    return {a};
  }
};

/// What `backward(ctx, gy)` of a custom function gets.
template <class Raw, class... S>
class BackwardContext {
 public:
  BackwardContext(std::tuple<S...> saved, const bool* wanted) : saved_(std::move(saved)), wanted_(wanted) {}
  /// What forward saved, as a tuple: `auto [a, b] = ctx.saved()`.
  const std::tuple<S...>& saved() const { return saved_; }
  /// Whether the gradient of operand i is asked for; of a constant it never is. What backward returns for others isn't looked at.
  bool wants(unsigned i) const { return wanted_[i]; }

 private:
  std::tuple<S...> saved_;
  const bool* wanted_;
};

namespace detail {

/// Says where each saved value came from, so that under create_graph it is linked to what made it.
enum class Origin : unsigned { independent = ~0u, result = ~0u - 1, unknown = ~0u - 2 };  // else: the operand's number

/// How F::backward is called after a result of type `Y` and saved values `S...`, by values of handle `Raw`.
template <class F, class Y, class... S>
struct BackwardCall {
  template <class Raw, class A>
  using passed =
      std::conditional_t<saved_value<A>::independent, typename saved_value<A>::type, like_type<Raw, typename saved_value<A>::type>>;
  template <class Raw>
  using Context = BackwardContext<Raw, passed<Raw, S>...>;

  template <class Raw>
  static constexpr bool takes = requires(const F& f, Context<Raw>& ctx, const like_type<Raw, Y>& gy) {
    f.backward(ctx, gy);
  };
  static constexpr bool exists = takes<core::Traced> || takes<core::Array>;
  using raw = std::conditional_t<takes<core::Traced>, core::Traced, core::Array>;

  using context = Context<raw>;
  using cotangent = like_type<raw, Y>;

  static auto call(const F& f, context& ctx, const cotangent& gy) { return as_tuple(f.backward(ctx, gy)); }
};

/// Which of the gradients is whose: those of constants may be left out.
template <class Gradients, class... X>
struct GradientsOf {
  static constexpr std::size_t given = std::tuple_size_v<Gradients>, count = sizeof...(X), traced = (std::size_t{Differentiable<X>} + ...);
  static constexpr bool one_for_each = given == count || given == traced;

  static constexpr std::size_t place(std::size_t operand) {
    if (given == count) return operand;
    constexpr bool is[] = {Differentiable<X>...};
    std::size_t n = 0;
    for (std::size_t k = 0; k < operand; ++k) n += is[k];
    return n;
  }
  template <std::size_t I, class Operand>
  static constexpr bool fits() {
    if constexpr (!Differentiable<Operand>)
      return true;
    else {
      using Gradient = std::tuple_element_t<place(I), Gradients>;
      if constexpr (TensorLike<Gradient>)
        return same_type<value_of<Gradient>, value_of<Operand>>;
      else
        return false;
    }
  }
  template <std::size_t... I>
  static constexpr bool all_fit(std::index_sequence<I...>) {
    return (fits<I, X>() && ...);
  }
};

template <class F, class Y, class Operands, class Saved>
class CustomFunction;

template <class F, class Y, class... X, class... S>
class CustomFunction<F, Y, std::tuple<X...>, std::tuple<S...>> final : public core::Function {
  using Call = BackwardCall<F, Y, S...>;
  using Raw = typename Call::raw;
  static constexpr std::size_t count = sizeof...(X);

 public:
  CustomFunction(F f, std::array<core::Array, sizeof...(S)> saved, std::array<Origin, sizeof...(S)> origin)
      : f_(std::move(f)), saved_(std::move(saved)), origin_(origin) {}

  void pull(const core::FunctionPull& p) override {
    if (p.linked && !std::same_as<Raw, core::Traced>)
      core::fail_graph(name_of_type<F>,
                       "its backward takes constants alone, so that its gradient has no gradient: write it for any const auto& gy");
    std::array<bool, count> wanted;
    for (std::size_t i = 0; i < count; ++i) wanted[i] = p.operand[i] && p.wanted[i];
    auto ctx = context(p, wanted.data(), std::index_sequence_for<S...>{});
    take(p, Call::call(f_, ctx, typename Call::cotangent{of(p.cotangent)}), std::make_index_sequence<count>{});
  }
  std::int64_t saved_bytes() const noexcept override {
    std::int64_t bytes = 0;
    for (const core::Array& a : saved_) bytes += a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type()));
    return bytes;
  }

 private:
  static Raw of(const core::Traced& t) {
    if constexpr (std::same_as<Raw, core::Array>)
      return t.value();
    else
      return t;
  }
  template <std::size_t... I>
  auto context(const core::FunctionPull& p, const bool* wanted, std::index_sequence<I...>) const {
    return typename Call::context{{restored<S, I>(p)...}, wanted};
  }
  template <class A, std::size_t I>
  auto restored(const core::FunctionPull& p) const {
    using Passed = typename Call::template passed<Raw, A>;
    const core::Array& value = saved_[I];
    if constexpr (saved_value<A>::independent)
      return Passed{value};
    else
      return Passed{of(p.linked ? core::linked_to(value, maker(p, origin_[I])) : core::Traced(value))};
  }
  static core::GraphHead* maker(const core::FunctionPull& p, Origin from) {
    if (from == Origin::unknown)
      core::fail_graph(name_of_type<F>,
                       "it saves a value that is neither operand nor result, which a gradient of its gradient would miss: save operands, "
                       "or ctx.independent(a) where it depends on none");
    return from == Origin::result ? p.result : p.operand[static_cast<unsigned>(from)];
  }

  template <class Gradients, std::size_t... I>
  static void take(const core::FunctionPull& p, const Gradients& gradients, std::index_sequence<I...>) {
    auto put = [&]<std::size_t N, class Operand>(std::integral_constant<std::size_t, N>, const Operand*) {
      if constexpr (Differentiable<Operand>)
        if (p.wanted[N]) p.gradient[N] = std::get<GradientsOf<Gradients, X...>::place(N)>(gradients).raw();
    };
    (put(std::integral_constant<std::size_t, I>{}, static_cast<const X*>(nullptr)), ...);
  }

  F f_;
  std::array<core::Array, sizeof...(S)> saved_;
  std::array<Origin, sizeof...(S)> origin_;
};

/// The operand that a saved value is. By its place first: two variables may share one value.
inline Origin origin_of(const void* place, const core::Array& saved, const core::Array& result, const void* const* at,
                        const core::Traced* operand, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    if (at[i] == place) return Origin{i};
  Origin found = Origin::unknown;
  for (unsigned i = 0; i < count; ++i) {
    if (operand[i].value().node() != saved.node()) continue;
    if (found != Origin::unknown && operand[i].node() != operand[static_cast<unsigned>(found)].node()) return Origin::unknown;
    found = Origin{i};
  }
  return found == Origin::unknown && saved.node() == result.node() ? Origin::result : found;
}

template <class Y, class... S>
const Y& result_of(const Saving<Y, S...>& s) {
  return s.result;
}
template <Constant Y>
const Y& result_of(const Y& y) {
  return y;
}

/// The arrays that forward saved, and where each is from.
template <std::size_t N>
struct Kept {
  std::array<core::Array, N> value;
  std::array<Origin, N> origin;
};
template <class Y, class... S, class Values, std::size_t N>
auto kept(const Saving<Y, S...>& s, const Values& values, const std::array<core::Traced, N>& operands) {
  const auto places = std::apply([](const auto&... v) { return std::array<const void*, N>{&v...}; }, values);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return Kept<sizeof...(S)>{
        {stripped(std::get<I>(s.values)).raw()...},
        {origin_of(s.place[I], stripped(std::get<I>(s.values)).raw(), s.result.raw(), places.data(), operands.data(), N)...}};
  }
  (std::index_sequence_for<S...>{});
}
template <Constant Y, class Values, std::size_t N>
Kept<0> kept(const Y&, const Values&, const std::array<core::Traced, N>&) {
  return {};
}

template <class F, class... X>
inline constexpr bool has_forward = requires(const F& f, ForwardContext& ctx, const value_of<X>&... x) {
  f.forward(ctx, x...);
};
template <class Y>
inline constexpr bool is_constant_result = Constant<typename forward_result<Y>::type>;

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
template <class F, TensorLike... X>
auto apply(F f, const X&... x) {
  static_assert(sizeof...(X) > 0, "[apply] give the operands: apply<F>(x)");
  static_assert(!(core::mapped::is_mapped<detail::raw_of<X>> || ...) || (Constant<X> && ...),
                "[apply] has no batched form for variables: under vmap write the function with ops");
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
          const std::array<core::Traced, sizeof...(X)> operands{x.raw()...};
          auto kept = detail::kept(y, values, operands);
          using Made = detail::CustomFunction<F, Y, std::tuple<X...>, Saved>;
          return traced_of<Y>{core::record_function(name_of_type<F>, detail::result_of(y).raw(), operands.data(), sizeof...(X),
                                                    new Made(std::move(f), std::move(kept.value), kept.origin))};
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
