#pragma once
#include "mushin/tensor/shape_rules/axes.hpp"

namespace mushin::rules {

/// K elements can be taken of the axis. Of a size that only the run knows the run says so.
constexpr bool topk_in_range(extent of, std::int64_t k) { return k >= 0 && (!of.is_static() || k <= of.size); }

/// `a` with `k` elements along `axis`.
constexpr Shape topk(Shape a, unsigned axis, std::int64_t k) {
  if (axis < a.rank) a.at[axis] = extent{k};
  return a;
}

}  // namespace mushin::rules
