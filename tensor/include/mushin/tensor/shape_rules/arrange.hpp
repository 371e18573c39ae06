#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// Of equal rank, and equal on all axes but `axis`.
constexpr bool joins(Shape a, Shape b, unsigned axis) {
  if (a.rank != b.rank) return false;
  for (unsigned i = 0; i < a.rank; ++i)
    if (i != axis && !may_equal(a[i], b[i])) return false;
  return true;
}

/// Side by side along `axis`, whose extents add up.
constexpr Shape concat(unsigned, Shape a) { return a; }
template <class... S>
constexpr Shape concat(unsigned axis, Shape a, Shape b, S... more) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i) out.push(i == axis ? a[i] + b[i] : better_known(a[i], b[i]));
  return concat(axis, out, more...);
}

/// Equal everywhere: `joins` with no axis left out.
constexpr bool stacks(Shape a, Shape b) { return joins(a, b, max_rank); }

/// `n` arrays behind each other along a new axis.
constexpr Shape stack(Shape a, unsigned axis, extent n) {
  Shape out;
  for (unsigned i = 0; i <= a.rank; ++i) {
    if (i == axis) out.push(n);
    if (i < a.rank) out.push(a[i]);
  }
  return out;
}

/// Into `n` equal parts; against a name or `dyn` the run checks.
constexpr bool splits(extent e, std::int64_t n) { return n > 0 && (!e.is_static() || e.size % n == 0); }
constexpr Shape split(Shape a, unsigned axis, std::int64_t n) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i) {
    if (i != axis || n == 1)
      out.push(a[i]);
    else
      out.push(a[i].is_static() && n > 0 ? extent{a[i].size / n} : dyn);
  }
  return out;
}

/// Numbers in front and behind, a pair for each of the last axes.
struct Pads {
  std::int64_t before[max_rank]{}, after[max_rank]{};
};
template <std::int64_t... Pairs>
constexpr Pads pads(Shape a) {
  constexpr std::int64_t given[] = {Pairs..., 0};
  Pads out;
  const unsigned axes = sizeof...(Pairs) / 2;
  for (unsigned i = 0; i < axes && i < a.rank; ++i) {
    out.before[a.rank - axes + i] = given[2 * i];
    out.after[a.rank - axes + i] = given[2 * i + 1];
  }
  return out;
}
constexpr Shape pad(Shape a, Pads by) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i) out.push(a[i] + extent{by.before[i] + by.after[i]});
  return out;
}

/// Times for each of the last axes; more of them than axes make new ones in front.
template <std::int64_t... Times>
constexpr Shape tile(Shape a) {
  constexpr std::int64_t given[] = {Times..., 1};
  constexpr unsigned n = sizeof...(Times);
  const unsigned rank = a.rank > n ? a.rank : n;
  Shape out;
  for (unsigned i = rank; i-- > 0;) out.push((i < a.rank ? a.from_end(i) : extent{1}) * extent{i < n ? given[n - 1 - i] : 1});
  return out;
}

/// Without `axis`.
constexpr Shape at(Shape a, unsigned axis) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i)
    if (i != axis) out.push(a[i]);
  return out;
}

}  // namespace mushin::rules
