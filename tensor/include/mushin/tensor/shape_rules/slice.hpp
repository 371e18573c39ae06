#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// 0 <= begin <= end <= size; against a name or `dyn` the run checks `end`.
constexpr bool slice_in_range(extent size, std::int64_t begin, std::int64_t end) {
  return 0 <= begin && begin <= end && (!size.is_static() || end <= size.size);
}

/// `a` with axis `axis` of extent `e`.
constexpr Shape with_extent(Shape a, unsigned axis, extent e) {
  Shape out;
  for (unsigned i = 0; i < a.rank; ++i) out.push(i == axis ? e : a[i]);
  return out;
}

}  // namespace mushin::rules
