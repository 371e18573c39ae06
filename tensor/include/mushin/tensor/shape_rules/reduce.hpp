#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// `a` without the axes in `mask` (bit i is axis i), or with them as 1 under `keep`.
constexpr Shape reduce(Shape a, unsigned mask, bool keep) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i) {
    if ((mask >> i & 1) == 0)
      out.push(a[i]);
    else if (keep)
      out.push(extent{1});
  }
  return out;
}

/// No written axis has the static size 0: a greatest element exists.
constexpr bool reduces_something(Shape a, unsigned mask) {
  for (unsigned i = 0; i < a.rank; ++i)
    if ((mask >> i & 1) != 0 && a[i] == extent{0}) return false;
  return true;
}

}  // namespace mushin::rules
