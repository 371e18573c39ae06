#pragma once
#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/mapped.hpp"
#include "mushin/tensor/shape_rules/arrange.hpp"

namespace mushin {

/// What `unmapped` makes.
template <TensorLike A>
struct Unmapped {
  std::conditional_t<std::copy_constructible<A>, A, const A&> value;
};
/// An argument of vmap that is one for all: the function gets it as it is.
template <TensorLike A>
Unmapped<A> unmapped(const A& a) {
  return {a};
}

// What a compile error shows below its sentence.
template <text A, text B>
inline constexpr bool leading_extents_match = false;

namespace detail {
template <class X>
inline constexpr bool is_unmapped = false;
template <class A>
inline constexpr bool is_unmapped<Unmapped<A>> = true;

/// The extent that is mapped: `dyn` where any will do.
template <class X>
constexpr extent mapped_extent() {
  if constexpr (is_unmapped<X>)
    return dyn;
  else
    return X::extents.rank > 0 ? X::extents[0] : dyn;
}
template <class X>
constexpr Shape shape_of() {
  if constexpr (is_unmapped<X>)
    return Shape{};
  else
    return X::extents;
}

/// The size of a mapped axis, as long as this lives.
template <class Map>
class Entered {
 public:
  explicit Entered(std::int64_t size) {
    if (mapped_size<Map>() >= 0) core::fail_graph("vmap", "the function maps itself: write what it calls as another function");
    mapped_size<Map>() = size;
  }
  ~Entered() { mapped_size<Map>() = -1; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

/// What the function gets for an argument: its leading axis becomes the last of the mapped ones, where it stands already.
template <class Map, class X>
decltype(auto) enter(const X& x) {
  if constexpr (is_unmapped<X>) {
    return (x.value);
  } else {
    using core::mapped::whole;
    using H = std::remove_cvref_t<decltype(whole(x.raw()))>;
    using Raw = typename core::mapped::with_maps<
        H, typename core::mapped::joined<core::mapped::maps_of<raw_of<X>>, core::mapped::Maps<Map>>::type>::type;
    return made<typename X::element, rules::at(X::extents, 0)>(Raw::around(whole(x.raw())));
  }
}

/// Without one of the maps.
template <class Map, class All>
struct without;
template <class Map, class... M>
struct without<Map, core::mapped::Maps<M...>> {
  template <class... A, class B, class... C>
  static auto rest(core::mapped::Maps<A...>, core::mapped::Maps<B, C...>) {
    if constexpr (std::same_as<B, Map>)
      return rest(core::mapped::Maps<A...>{}, core::mapped::Maps<C...>{});
    else
      return rest(core::mapped::Maps<A..., B>{}, core::mapped::Maps<C...>{});
  }
  template <class... A>
  static core::mapped::Maps<A...> rest(core::mapped::Maps<A...>, core::mapped::Maps<>) {
    return {};
  }
  using type = decltype(rest(core::mapped::Maps<>{}, core::mapped::Maps<M...>{}));
};

template <class Map, extent N, TensorLike Z>
auto leave(const Z& z, std::int64_t size) {
  using core::broadcast_to;
  using All = core::mapped::maps_of<raw_of<Z>>;
  constexpr int at = All::template find<Map>();
  constexpr Shape to = rules::stack(Z::extents, 0, N);
  if constexpr (at < 0) {
    core::Sizes sizes{size};
    for (unsigned i = 0; i < z.shape().rank; ++i) sizes.push(z.shape()[i]);
    return made<typename Z::element, to>(broadcast_to(z.raw(), sizes));
  } else {
    auto whole = core::mapped::moved_behind(z.raw().whole(), at, All::count);
    using Raw = typename core::mapped::with_maps<decltype(whole), typename without<Map, All>::type>::type;
    if constexpr (All::count == 1)
      return made<typename Z::element, to>(std::move(whole));
    else
      return made<typename Z::element, to>(Raw::around(std::move(whole)));
  }
}
template <class Map, extent N, class Value, class Gradients>
auto leave(const ValueAndGrad<Value, Gradients>& z, std::int64_t size) {
  auto value = leave<Map, N>(z.value, size);
  auto grad = leave<Map, N>(z.grad, size);
  return ValueAndGrad<decltype(value), decltype(grad)>{std::move(value), std::move(grad)};
}
template <class Map, extent N, class... Z>
auto leave(const std::tuple<Z...>& z, std::int64_t size) {
  return std::apply([&](const auto&... each) { return std::tuple<decltype(leave<Map, N>(each, size))...>{leave<Map, N>(each, size)...}; },
                    z);
}

template <class Z>
inline constexpr bool vmap_gives = TensorLike<Z>;
template <class... Z>
inline constexpr bool vmap_gives<std::tuple<Z...>> = (vmap_gives<Z> && ...);
template <class Value, class Gradients>
inline constexpr bool vmap_gives<ValueAndGrad<Value, Gradients>> = true;

/// Is there room for the mapped axis?
template <class Map, class Z>
inline constexpr bool fits = true;
template <class Map, TensorLike Z>
inline constexpr bool fits<Map, Z> =
    Z::extents.rank + core::mapped::joined<core::mapped::maps_of<raw_of<Z>>, core::mapped::Maps<Map>>::type::count <= max_rank;
template <class Map, class... Z>
inline constexpr bool fits<Map, std::tuple<Z...>> = (fits<Map, Z> && ...);
}  // namespace detail

/// What `vmap` gives.
template <class F>
class Vmap {
 public:
  explicit Vmap(F f) : f_(std::move(f)) {}

  template <class... X>
  requires((TensorLike<X> || detail::is_unmapped<X>)&&...) auto operator()(const X&... x) const {
    static_assert((!detail::is_unmapped<X> || ...), "[vmap] no argument is mapped: leave out mu::unmapped for those that differ");
    static_assert(((detail::is_unmapped<X> || detail::shape_of<X>().rank > 0) && ...),
                  "[vmap] a scalar has no axis to map: pass what is one for all as mu::unmapped(x)");
    constexpr extent n = [] {
      extent known = dyn;
      ((known = better_known(known, detail::mapped_extent<X>())), ...);
      return known;
    }();
    (check<n, X>(), ...);
    return mapped<n>(x...);
  }

 private:
  using Map = typename core::mapped::MapOf<F>::Axis;

  template <extent N, class A>
  static void check() {
    if constexpr (!may_equal(N, detail::mapped_extent<A>()))
      static_assert(leading_extents_match<spell(Shape{N}), spell(detail::shape_of<A>())>,
                    "[vmap] the first extents of all mapped arguments must be equal");
  }
  template <class A>
  static std::int64_t size_of(const A& a) {
    if constexpr (detail::is_unmapped<A>)
      return -1;
    else
      return a.shape()[0];
  }
  template <extent N, class... X>
  auto mapped(const X&... x) const {
    const std::int64_t sizes[] = {size_of(x)...};
    const std::int64_t size = core::mapped::one_size(sizes, sizeof...(X));
    const detail::Entered<Map> here(size);
    using Z = std::remove_cvref_t<decltype(f_(detail::enter<Map>(x)...))>;
    static_assert(detail::vmap_gives<Z>, "[vmap] f must give tensors: one, or a std::tuple of them");
    static_assert(detail::fits<Map, Z>, "[vmap] at most 8 axes, the mapped ones among them");
    if constexpr (detail::vmap_gives<Z> && detail::fits<Map, Z>) return detail::leave<Map, N>(f_(detail::enter<Map>(x)...), size);
  }

  F f_;
};

/// `vmap(f)(x...)`: f of each index of the first axis of `x...`, computed at once. f gets values without that axis, is called once, and
/// gives one tensor or a std::tuple of them; the results have the axis in front, with the extent it has in the arguments. An argument
/// that is one for all: `unmapped(y)`, or whatever f captures. Each op is called once, on all of the axis: f must be made of ops that have
/// a batched form, which all of mushin's have. What f draws at random is drawn once, for all. Constants, variables and results; gradients
/// flow through. May be nested. ShapeError where the sizes of the first axes differ. As jax.vmap.
template <class F>
auto vmap(F f) {
  return Vmap<F>{std::move(f)};
}

}  // namespace mushin
