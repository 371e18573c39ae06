#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

namespace detail {
constexpr int occurrences(Shape s, extent e) {
  int n = 0;
  for (unsigned i = 0; i < s.rank; ++i) n += s[i] == e;
  return n;
}
constexpr std::int64_t product_of_static(Shape s) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < s.rank; ++i)
    if (s[i].is_static()) n *= s[i].size;
  return n;
}
}  // namespace detail

/// The same number of elements: the sizes multiply to the same, and each name occurs as often. With a `dyn` on either side
/// the run decides.
constexpr bool same_count(Shape a, Shape b) {
  if (a.find(dyn) >= 0 || b.find(dyn) >= 0) return true;
  for (unsigned i = 0; i < a.rank; ++i)
    if (a[i].is_named() && detail::occurrences(a, a[i]) != detail::occurrences(b, a[i])) return false;
  for (unsigned i = 0; i < b.rank; ++i)
    if (b[i].is_named() && detail::occurrences(a, b[i]) != detail::occurrences(b, b[i])) return false;
  return detail::product_of_static(a) == detail::product_of_static(b);
}

/// At most one extent of `to` has a size that neither it nor `a` tells.
constexpr bool at_most_one_open(Shape a, Shape to) {
  int open = 0;
  for (unsigned i = 0; i < to.rank; ++i) open += to[i].is_dyn() || (to[i].is_named() && a.find(to[i]) < 0);
  return open <= 1;
}

/// (n, a, b, …) -> (n, a*b*…): all axes but the first become one.
constexpr Shape flatten(Shape a) {
  if (a.rank == 0) return Shape{1, 1};
  extent rest{1};
  for (unsigned i = 1; i < a.rank; ++i) rest = rest * a[i];
  return Shape{a[0], rest};
}

/// Is the axis one that can be dropped: 1, or `dyn`, which the run checks?
constexpr bool squeezable(Shape a, unsigned axis) { return axis < a.rank && may_equal(a[axis], extent{1}); }

constexpr Shape squeeze(Shape a, unsigned axis) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i)
    if (i != axis) out.push(a[i]);
  return out;
}

/// A 1 in front of `axis`; `axis` may be the rank: a new last one.
constexpr Shape unsqueeze(Shape a, unsigned axis) {
  Shape out;
  for (unsigned i = 0; i <= a.rank; ++i) {
    if (i == axis) out.push(extent{1});
    if (i < a.rank) out.push(a[i]);
  }
  return out;
}

/// `n` behind: what one_hot adds.
constexpr Shape append(Shape a, extent n) {
  a.push(n);
  return a;
}

}  // namespace mushin::rules
