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

}  // namespace mushin::rules
