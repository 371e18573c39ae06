#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/run_time_checks.hpp"

namespace mushin::detail {

/// The characters of a name, with static storage.
template <text Name>
inline constexpr auto name_chars = Name;

/// The size of `e` among the sizes given, or -1.
template <text... Names>
std::int64_t given_size([[maybe_unused]] extent e, SizedDim<Names>... given) {
  std::int64_t out = -1;
  ((out = e == extent{Dim<Names>{}} ? given.size : out), ...);
  return out;
}

/// Is the size of `e` its own, or that of an axis of `a`?
constexpr bool known_within(Shape a, extent e) { return e.is_named() ? a.find(e) >= 0 : !e.is_dyn(); }

/// That size; -1 where it isn't known.
template <class A>
std::int64_t size_within(const A& a, extent e) {
  if (e.is_named())
    if (const int axis = A::extents.find(e); axis >= 0) return a.shape()[static_cast<unsigned>(axis)];
  return e.size;
}

/// Every extent of `to` is known within `a` or one of the names, and no name is idle or said twice.
template <text... Names>
constexpr bool sizes_known(Shape a, Shape to) {
  const Shape names{Dim<Names>{}...};
  for (unsigned i = 0; i < to.rank; ++i)
    if (!known_within(a, to[i]) && (to[i].is_dyn() || names.find(to[i]) < 0)) return false;
  for (unsigned i = 0; i < names.rank; ++i)
    if (to.find(names[i]) < 0 || a.find(names[i]) >= 0 || names.find(names[i]) != static_cast<int>(i)) return false;
  return true;
}

/// The sizes of extents `E...`, each named one given as `batch = 32`. ShapeError where one is negative.
template <extent... E, text... Names>
core::Sizes given_sizes(SizedDim<Names>... given) {
  if constexpr (sizeof...(Names) != 0) core::check_given({core::Given{name_chars<Names>.chars, given.size}...});
  return {(E.is_static() ? E.size : given_size(E, given...))...};
}

}  // namespace mushin::detail

/// The rule of makers, whose extents are `E...` and whose sizes are given for `Names...`. A macro, since the sentence of a static_assert is
/// a literal and begins with the maker's name.
#define MUSHIN_RULE_SIZES(maker)                                      \
  if constexpr (!detail::sizes_known<Names...>(Shape{}, Shape{E...})) \
  static_assert(names_have_sizes<spell(Shape{E...})>,                 \
                "[" maker "] give each named extent its size, and only those: " maker "<batch, 3>(batch = 32)")
