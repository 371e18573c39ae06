#include "ops/windows.hpp"

#include "core/fail.hpp"
#include "core/node.hpp"

namespace mushin::core {

Array windows(const Array& a, const Windows& w) {
  const unsigned first = a.rank() - w.axes;
  bool inside = a.rank() >= w.axes && a.rank() + w.axes <= max_rank;
  for (unsigned i = 0; inside && i < w.axes; ++i) inside = w.reach(i) <= a.sizes()[first + i];
  if (!inside) fail<ShapeError>("[windows] no such windows over the last {} axes of {}", w.axes, text_of(a.sizes()));
  const Array stored = buffer_of(a);
  Node* v = new_view(node_of(stored));
  for (unsigned i = 0; i < w.axes; ++i) {
    const std::int64_t step = node_of(stored)->stride[first + i];
    const unsigned element = first + i, place = element + w.axes;
    v->sizes.at[element] = w.size[i], v->stride[element] = step * w.dilation[i];
    v->sizes.at[place] = w.places[i], v->stride[place] = step * w.stride[i];
  }
  v->sizes.rank = a.rank() + w.axes;
  finish_view(v);
  return Array(v);
}

}  // namespace mushin::core
