#pragma once
// How the functions of a custom function are called, and what forward keeps for them.
#include <array>
#include <tuple>

#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/custom/contexts.hpp"
#include "mushin/autograd/name_of_type.hpp"

namespace mushin {

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
        return same_element_type<Gradient, Operand> && Gradient::extents == Operand::extents;
      else
        return false;
    }
  }
  template <std::size_t... I>
  static constexpr bool all_fit(std::index_sequence<I...>) {
    return (fits<I, X>() && ...);
  }
};

/// A gradient in the mapped axes of the operand, whose whole has the sizes `to`.
template <class Operand, class Gradient>
core::Traced gradient_for(const Gradient& g, const core::Sizes& to) {
  using Own = core::mapped::maps_of<raw_of<Operand>>;
  using All = typename core::mapped::joined<Own, core::mapped::maps_of<raw_of<Gradient>>>::type;
  if constexpr (All::count == 0)
    return g.raw();
  else
    return core::mapped::gathered(core::mapped::lifted<All>(g.raw(), g.rank()), All::count, Own::count, to);
}

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
    return Kept<sizeof...(S)>{{core::mapped::whole(stripped(std::get<I>(s.values)).raw())...},
                              {origin_of(s.place[I], core::mapped::whole(stripped(std::get<I>(s.values)).raw()),
                                         core::mapped::whole(s.result.raw()), places.data(), operands.data(), N)...}};
  }
  (std::index_sequence_for<S...>{});
}
template <Constant Y, class Values, std::size_t N>
Kept<0> kept(const Y&, const Values&, const std::array<core::Traced, N>&) {
  return {};
}

/// What forward kept, as its rules need it.
template <class F, class Y, class Operands, class Saved>
class KeptValues;
template <class F, class Y, class... X, class... S>
class KeptValues<F, Y, std::tuple<X...>, std::tuple<S...>> {
 public:
  explicit KeptValues(Kept<sizeof...(S)> saved) : saved_(std::move(saved)) {}

  /// The saved values as a rule with handles `Raw` gets them; differentiable ones are linked to what made them where `linked` says so.
  template <class Raw>
  auto passed(bool linked, core::GraphHead* const* operand, core::GraphHead* result) const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<typename BackwardCall<F, Y, S...>::template passed<Raw, S>...>{
          restored<Raw, S>(saved_.value[I], saved_.origin[I], linked, operand, result)...};
    }
    (std::index_sequence_for<S...>{});
  }
  std::int64_t bytes() const noexcept {
    std::int64_t sum = 0;
    for (const core::Array& a : saved_.value) sum += a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type()));
    return sum;
  }
  /// f(), with the mapped axes that the operands have.
  template <class G>
  decltype(auto) inside(G&& f) const {
    return maps_.inside(std::forward<G>(f));
  }

 private:
  template <class Raw, class A>
  static auto restored(const core::Array& value, Origin from, bool linked, core::GraphHead* const* operand, core::GraphHead* result) {
    if constexpr (saved_value<A>::independent)
      return like_around<typename saved_value<A>::type>(value);
    else if constexpr (std::same_as<Raw, core::Array>)
      return like_around<A>(value);
    else
      return like_around<A>(linked ? core::linked_to(value, maker(from, operand, result)) : core::Traced(value));
  }
  static core::GraphHead* maker(Origin from, core::GraphHead* const* operand, core::GraphHead* result) {
    if (from == Origin::unknown)
      core::fail_graph(name_of_type<F>,
                       "it saves a value that is neither operand nor result, which a gradient of its gradient would miss: save operands, "
                       "or ctx.independent(a) where it depends on none");
    return from == Origin::result ? result : operand[static_cast<unsigned>(from)];
  }

  Kept<sizeof...(S)> saved_;
  [[no_unique_address]] KeptSizes<core::mapped::all_maps<raw_of<X>...>> maps_;
};

}  // namespace detail

}  // namespace mushin
