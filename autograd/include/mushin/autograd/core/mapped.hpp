#pragma once
// The third algebra, beside core::Array and core::Traced: values that stand for many, one for each index of the axes that mu::vmap maps.
// An op's batched form is an overload in this namespace, beside the recording overload of its family. Argument-dependent lookup finds it
// where an operand is Mapped, and nowhere else: programs without vmap never look at it.
#include <tuple>
#include <type_traits>
#include <vector>

#include "mushin/autograd/core/traced.hpp"

namespace mushin::core::mapped {

/// Which axes are mapped: a type for each.
template <class... M>
struct Maps {
  static constexpr unsigned count = sizeof...(M);
  template <class X>
  static constexpr int find() {
    int at = -1, i = 0;
    ((at = std::is_same_v<X, M> ? i : at, ++i), ...);
    return at;
  }
};

/// Both, those of the first in front.
template <class A, class B>
struct joined;
template <class... A>
struct joined<Maps<A...>, Maps<>> {
  using type = Maps<A...>;
};
template <class... A, class B, class... C>
struct joined<Maps<A...>, Maps<B, C...>>
    : joined<std::conditional_t<Maps<A...>::template find<B>() < 0, Maps<A..., B>, Maps<A...>>, Maps<C...>> {};

/// Where each mapped axis of a result is among those of an operand; -1: it has none.
struct Places {
  int at[max_rank];
  unsigned count;
};
template <class From, class... M>
constexpr Places places(Maps<M...>) {
  return {{From::template find<M>()...}, sizeof...(M)};
}

/// `a`, which has `own` axes behind its mapped ones, with a result's mapped axes in front (1 where it has none), and `rank` of its own
/// (the first of them 1). A view. ShapeError beyond 8 axes.
MUSHIN_API Array aligned(const Array& a, unsigned own, const Places&, unsigned rank);
MUSHIN_API Traced aligned(const Traced& a, unsigned own, const Places&, unsigned rank);
/// Keeps in `front` the sizes of the mapped axes that are not 1 in one of several wholes. Begins empty.
MUSHIN_API void share(Sizes& front, const Sizes& whole, unsigned maps);
/// The first axes broadcast to `front`. A view.
MUSHIN_API Array spread(const Array& whole, const Sizes& front);
MUSHIN_API Traced spread(const Traced& whole, const Sizes& front);
/// The gradient of an operand whose whole has the sizes `to`, from one that has `maps` mapped axes in front, the operand's `own` ones first:
/// summed over those that the operand lacks or has once, and broadcast to the others.
MUSHIN_API Traced gathered(const Traced& whole, unsigned maps, unsigned own, const Sizes& to);
/// The sizes of the mapped axes, those of `own` behind them. ShapeError beyond 8 axes.
MUSHIN_API Sizes behind(const Sizes& whole, unsigned maps, const Sizes& own);

template <class To, class A>
auto lifted(const A& a, unsigned rank);

/// A value for each index of the mapped axes. `whole()` has these in front, in the order of `M`; ops see the sizes of the others.
template <class H, class... M>
class Mapped {
 public:
  using handle = H;
  using maps = Maps<M...>;
  static constexpr unsigned count = sizeof...(M);

  static Mapped around(H whole) { return Mapped(static_cast<H&&>(whole), 0); }
  /// As an operand of an op of several: axes that `x` lacks are 1.
  template <class X>
  requires(!std::is_same_v<X, Mapped>) explicit Mapped(const X& x) : Mapped(H(lifted<maps>(x, x.rank())), 0) {}

  const H& whole() const { return whole_; }
  const Sizes& sizes() const { return sizes_; }
  unsigned rank() const { return sizes_.rank; }
  mushin::dtype type() const { return whole_.type(); }
  Device* device() const { return whole_.device(); }
  decltype(auto) value() const {
    if constexpr (std::is_same_v<H, Array>)
      return (*this);
    else
      return Mapped<Array, M...>::around(whole_.value());
  }
  template <class G>
  Mapped<G, M...> with(G whole) const {
    return Mapped<G, M...>::around(static_cast<G&&>(whole));
  }

  /// Where an op has no batched form, its core op is found, and this says so.
  template <class Self = Mapped>
  static constexpr bool has_batched_form = false;
  operator H() const {
    static_assert(has_batched_form<>, "[vmap] an op has no batched form: compute it outside of vmap");
    return whole_;
  }

 private:
  Mapped(H&& whole, int) : whole_(static_cast<H&&>(whole)) {
    for (unsigned i = count; i < whole_.rank(); ++i) sizes_.push(whole_.sizes()[i]);
  }

  H whole_;
  Sizes sizes_;
};

template <class A>
struct maps_in {
  using type = Maps<>;
};
template <class H, class... M>
struct maps_in<Mapped<H, M...>> {
  using type = Maps<M...>;
};
/// Those of a handle; none of an Array or Traced.
template <class A>
using maps_of = typename maps_in<A>::type;
template <class... A>
struct all_maps_of {
  using type = Maps<>;
};
template <class A, class... B>
struct all_maps_of<A, B...> : joined<maps_of<A>, typename all_maps_of<B...>::type> {};
template <class... A>
using all_maps = typename all_maps_of<A...>::type;
template <class A>
inline constexpr bool is_mapped = maps_of<A>::count != 0;

template <class H, class Of>
struct with_maps;
template <class H, class... M>
struct with_maps<H, Maps<M...>> {
  using type = Mapped<H, M...>;
};
template <class H>
struct with_maps<H, Maps<>> {
  using type = H;
};

inline const Array& whole(const Array& a) { return a; }
inline const Traced& whole(const Traced& a) { return a; }
template <class H, class... M>
const H& whole(const Mapped<H, M...>& a) {
  return a.whole();
}
/// The handle that wholes of these convert to.
template <class... A>
using common =
    std::conditional_t<(std::is_same_v<std::remove_cvref_t<decltype(whole(std::declval<const A&>()))>, Traced> || ...), Traced, Array>;

/// `whole` with the maps of operands `A...` in front.
template <class... A, class H>
auto result(H whole) {
  return with_maps<H, all_maps<A...>>::type::around(static_cast<H&&>(whole));
}

/// The whole of an operand with the mapped axes `To` in front and `rank` axes behind them.
template <class To, class A>
auto lifted(const A& a, unsigned rank) {
  constexpr Places at = places<maps_of<A>>(To{});
  return aligned(whole(a), a.rank(), at, rank);
}
/// The same for an op that broadcasts: what isn't mapped stays as it is.
template <class To, class A>
decltype(auto) broadcastable(const A& a, unsigned rank) {
  if constexpr (is_mapped<A>)
    return lifted<To>(a, rank);
  else
    return (a);
}

template <class Op, class... A>
auto pointwise(Op op, const A&... a) {
  unsigned rank = 0;
  ((rank = a.rank() > rank ? a.rank() : rank), ...);
  return result<A...>(op(broadcastable<all_maps<A...>>(a, rank)...));
}

/// The wholes of several parts, the mapped axes of each spread to all.
template <class H, class... M>
std::vector<H> spread_parts(const Mapped<H, M...>* parts, unsigned count) {
  Sizes front;
  for (unsigned i = 0; i < count; ++i) share(front, parts[i].whole().sizes(), sizeof...(M));
  std::vector<H> out;
  for (unsigned i = 0; i < count; ++i) out.push_back(spread(parts[i].whole(), front));
  return out;
}
/// The same of operands of different handles, with `To` in front.
template <class To, class... A>
auto spread_operands(const A&... a) {
  const auto wholes = std::tuple{lifted<To>(a, a.rank())...};
  return std::apply(
      [](const auto&... w) {
        Sizes front;
        (share(front, w.sizes(), To::count), ...);
        return std::tuple{spread(w, front)...};
      },
      wholes);
}

}  // namespace mushin::core::mapped

/// The batched form of an elementwise op.
#define MUSHIN_MAPPED_POINTWISE(op)                                          \
  template <class... A>                                                      \
  auto op(const A&... a) {                                                   \
    return pointwise([](const auto&... x) { return core::op(x...); }, a...); \
  }
