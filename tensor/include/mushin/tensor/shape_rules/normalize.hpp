#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin::rules {

/// The extents of `part`, one at least, can be the last ones of `a`.
constexpr bool ends_with(Shape a, Shape part) {
  if (part.rank == 0 || part.rank > a.rank) return false;
  for (unsigned i = 0; i < part.rank; ++i)
    if (!may_equal(a.from_end(i), part.from_end(i))) return false;
  return true;
}

/// `part` can have the extent of `a`'s channels, which lie along axis 1, and no other.
constexpr bool one_for_each_channel(Shape a, Shape part) { return a.rank >= 2 && part.rank == 1 && may_equal(a[1], part[0]); }

}  // namespace mushin::rules
