#pragma once
#include <utility>

#include "mushin/autograd/core/mapped.hpp"

namespace mushin::core::mapped {

/// Names the axis that a vmap of `F` maps. A class inside of a template: overloads aren't looked for where F is from.
template <class F>
struct MapOf {
  struct Axis {};
};

/// The one size of the arguments' mapped axes; -1 for an argument that isn't mapped. ShapeError where they differ.
MUSHIN_API std::int64_t one_size(const std::int64_t* sizes, unsigned count);

/// `whole` with axis `from` behind the others of the first `maps` axes. A view.
template <class H>
H moved_behind(const H& whole, unsigned from, unsigned maps) {
  unsigned order[max_rank];
  for (unsigned i = 0; i < whole.rank(); ++i) order[i] = i >= from && i + 1 < maps ? i + 1 : i;
  order[maps - 1] = from;
  return from + 1 == maps ? whole : permute(whole, order);
}

}  // namespace mushin::core::mapped
