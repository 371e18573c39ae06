#pragma once
#include <array>

#include "mushin/autograd/core/vmap.hpp"
#include "mushin/autograd/grad.hpp"

namespace mushin {

/// What a function under mu::vmap gets and makes: the value of one index of the mapped axis, as far as types tell, and all of them in
/// memory. `Raw` says which axes are mapped, and whether it is a constant.
template <class Raw, class T, extent... E>
class Mapped : public Shaped<Raw, T, E...> {
  static_assert(sizeof...(E) + Raw::count <= max_rank, "[vmap] at most 8 axes, the mapped ones among them");

 public:
  explicit Mapped(Raw raw) : Shaped<Raw, T, E...>(std::move(raw)) {}
  /// The value, detached from the graph.
  auto value() const { return typed<typename detail::constant_handle<Raw>::type, T, Shape{E...}>{this->raw().value()}; }

  /// These would tell what is known for one index alone; they say so.
  template <class Self = Mapped>
  T item() const {
    static_assert(detail::is_variable<Self>, "[item] under vmap a value stands for many: return it from the function, and read the result");
    return T{};
  }
  /// The same.
  template <class Self = Mapped>
  std::vector<T> to_vector() const {
    static_assert(detail::is_variable<Self>,
                  "[to_vector] under vmap a value stands for many: return it from the function, and read the result");
    return {};
  }
  template <class Self = Mapped, std::integral... I>
  T operator()(I...) const {
    static_assert(detail::is_variable<Self>,
                  "[element] under vmap a value stands for many: take a slice, or return it from the function and read the result");
    return T{};
  }
  /// Gradients aren't gathered for one index; it says so.
  template <class Self = Mapped>
  void backward(const auto&...) const {
    static_assert(detail::is_variable<Self>,
                  "[backward] under vmap gradients are not gathered: ask mu::value_and_grad(f)(x), or call backward on vmap's result");
  }
};

template <class H, class... M>
struct typed_handle<core::mapped::Mapped<H, M...>> {
  template <class T, extent... E>
  using of = Mapped<core::mapped::Mapped<H, M...>, T, E...>;
};

namespace detail {
template <class... M>
inline constexpr bool is_constant<core::mapped::Mapped<core::Array, M...>> = true;
template <class H, class... M>
struct constant_handle<core::mapped::Mapped<H, M...>> {
  using type = core::mapped::Mapped<core::Array, M...>;
  static type around(core::Array whole) { return type::around(std::move(whole)); }
};
template <class H, class... M>
struct traced_handle<core::mapped::Mapped<H, M...>> {
  using type = core::mapped::Mapped<core::Traced, M...>;
  static type around(core::Traced whole) { return type::around(std::move(whole)); }
};

/// The size of a mapped axis, -1 where nothing is being mapped over it.
template <class Map>
std::int64_t& mapped_size() {
  static thread_local std::int64_t size = -1;
  return size;
}
template <class... M>
core::Sizes mapped_sizes(core::mapped::Maps<M...>) {
  return {mapped_size<M>()...};
}
/// The sizes of mapped axes, kept for what is called when vmap has returned.
template <class Maps>
class KeptSizes;
template <class... M>
class KeptSizes<core::mapped::Maps<M...>> {
 public:
  /// f(), as it would run inside of vmap.
  template <class F>
  decltype(auto) inside(F&& f) const {
    const Swapped here(size_);
    return f();
  }

 private:
  using Sizes = std::array<std::int64_t, sizeof...(M)>;
  struct Swapped {
    explicit Swapped(const Sizes& now) : before{mapped_size<M>()...} { set(now); }
    ~Swapped() { set(before); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;
    static void set([[maybe_unused]] const Sizes& to) {
      [[maybe_unused]] std::size_t i = 0;
      ((mapped_size<M>() = to[i++]), ...);
    }
    Sizes before;
  };
  Sizes size_{mapped_size<M>()...};
};
template <class Raw, class... Like>
requires(core::mapped::is_mapped<Raw> || ... || core::mapped::is_mapped<Like>) struct Fresh<Raw, Like...> {
  using maps = core::mapped::all_maps<Raw, Like...>;
  using type = typename core::mapped::with_maps<core::Traced, maps>::type;
  static type of(const Raw& x, bool linked) {
    const core::Sizes front = mapped_sizes(maps{});
    if (!linked) return type::around(core::Leaf{core::mapped::spread(core::mapped::lifted<maps>(constant(x), x.rank()), front)}.traced());
    const core::Traced whole = core::mapped::spread(core::Traced(core::mapped::lifted<maps>(x, x.rank())), front);
    return type::around(core::reshape(whole, whole.sizes()));
  }
};

/// A value of A's kind, mapped where A is, with a handle that is differentiable (Traced) or not (Array).
template <class Raw, class A>
using like_type = typed<typename core::mapped::with_maps<Raw, core::mapped::maps_of<raw_of<A>>>::type, typename A::element, A::extents>;
template <class A>
auto like_around(core::Traced whole) {
  return like_type<core::Traced, A>{traced_handle<raw_of<A>>::around(std::move(whole))};
}
template <class A>
auto like_around(core::Array whole) {
  return like_type<core::Array, A>{constant_handle<raw_of<A>>::around(std::move(whole))};
}

// Several operands have the mapped axes of all of them.
template <class... A>
using joined_handle = typename core::mapped::with_maps<core::mapped::common<raw_of<A>...>, core::mapped::all_maps<raw_of<A>...>>::type;
template <class A, class B, class... C>
requires std::same_as<raw_of<A>, core::Array> &&
    (core::mapped::is_mapped<raw_of<B>> || ... || core::mapped::is_mapped<raw_of<C>>)struct common_raw_of<A, B, C...> {
  using type = joined_handle<A, B, C...>;
};
template <class A, class... B>
requires(core::mapped::is_mapped<raw_of<A>> || ... || core::mapped::is_mapped<raw_of<B>>) struct common_raw_of<A, B...> {
  using type = joined_handle<A, B...>;
};
}  // namespace detail

}  // namespace mushin
