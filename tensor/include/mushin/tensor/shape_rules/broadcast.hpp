#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin::rules {

/// NumPy's rule for one axis: equal, or one of them is 1.
constexpr bool broadcasts(extent a, extent b) { return a == extent{1} || b == extent{1} || may_equal(a, b); }

constexpr extent broadcast(extent a, extent b) {
  if (a == extent{1}) return b;
  if (b == extent{1}) return a;
  return better_known(a, b);
}

/// NumPy's rule for shapes: aligned at the last axis, missing axes count as 1.
constexpr bool broadcasts(Shape a, Shape b) {
  for (unsigned i = 0; i < a.rank && i < b.rank; ++i)
    if (!broadcasts(a.from_end(i), b.from_end(i))) return false;
  return true;
}

constexpr Shape broadcast(Shape a, Shape b) {
  const unsigned rank = a.rank > b.rank ? a.rank : b.rank;
  Shape out;
  for (unsigned i = rank; i-- > 0;) {
    if (i >= a.rank)
      out.push(b.from_end(i));
    else if (i >= b.rank)
      out.push(a.from_end(i));
    else
      out.push(broadcast(a.from_end(i), b.from_end(i)));
  }
  return out;
}

/// Does `a` broadcast to exactly `to`?
constexpr bool broadcasts_to(Shape a, Shape to) {
  if (a.rank > to.rank) return false;
  for (unsigned i = 0; i < a.rank; ++i)
    if (a.from_end(i) != extent{1} && !may_equal(a.from_end(i), to.from_end(i))) return false;
  return true;
}

/// The axes, counted from the last (bit 0), that must be equal and whose sizes only the run knows. Only a written 1
/// broadcasts: a size that happens to be 1 does not. 0 for static shapes.
constexpr unsigned equal_at_run_time(Shape a, Shape b) {
  unsigned out = 0;
  for (unsigned i = 0; i < a.rank && i < b.rank; ++i) {
    const extent x = a.from_end(i), y = b.from_end(i);
    if (x != extent{1} && y != extent{1} && !(x.is_static() && y.is_static())) out |= 1u << i;
  }
  return out;
}

/// Axes of two operands that bear the same name, and therefore must be equal, without facing each other.
struct NamePairs {
  struct Pair {
    unsigned a, b;
  };
  Pair at[max_rank]{};
  unsigned count = 0;
};

/// Each name that both shapes have, at its first axis in either.
constexpr NamePairs shared_names(Shape a, Shape b) {
  NamePairs out;
  for (unsigned i = 0; i < a.rank; ++i) {
    if (!a[i].is_named() || a.find(a[i]) != static_cast<int>(i)) continue;
    if (const int j = b.find(a[i]); j >= 0) out.at[out.count++] = {i, static_cast<unsigned>(j)};
  }
  return out;
}

/// The pairs that `equal_at_run_time` leaves out: the same name on axes that are not aligned.
constexpr NamePairs crossed_names(Shape a, Shape b) {
  NamePairs out;
  for (unsigned i = 0; i < a.rank; ++i) {
    if (!a[i].is_named() || a.find(a[i]) != static_cast<int>(i)) continue;
    const int j = b.find(a[i]);
    if (j < 0) continue;
    bool aligned = false;
    for (unsigned k = 0; k < a.rank && k < b.rank; ++k) aligned = aligned || (a.from_end(k) == a[i] && b.from_end(k) == a[i]);
    if (!aligned) out.at[out.count++] = {i, static_cast<unsigned>(j)};
  }
  return out;
}

/// Axes of one shape that bear the same name.
constexpr NamePairs repeated_names(Shape a) {
  NamePairs out;
  for (unsigned i = 0; i < a.rank; ++i)
    if (const auto first = static_cast<unsigned>(a.find(a[i])); a[i].is_named() && first != i) out.at[out.count++] = {first, i};
  return out;
}

/// Can a value of shape `a` be said to have shape `to`? Names and `dyn` may become anything, sizes stay.
constexpr bool refines(Shape a, Shape to) {
  if (a.rank != to.rank) return false;
  for (unsigned i = 0; i < a.rank; ++i)
    if (a[i].is_static() && to[i].is_static() && a[i] != to[i]) return false;
  return true;
}

}  // namespace mushin::rules
