#include "ops/decomposed_windows.hpp"

#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {

Array reached(const Array& a, const Frame& f, const Array& around) {
  std::int64_t before[max_rank] = {}, after[max_rank] = {};
  Array part = a;
  for (unsigned i = 0; i < f.over.axes; ++i) {
    before[2 + i] = f.begin(i), after[2 + i] = f.over.reach(i) - f.end(i);
    part = slice(part, 2 + i, 0, f.end(i) - f.begin(i));
  }
  return pad(part, before, after, around);
}

Array positions(const Windows& w, Device* device) {
  Array at = literal(0, dtype::i64);
  for (unsigned i = 0; i < w.axes; ++i) {
    Sizes element, place;
    for (unsigned k = 0; k < 2 * w.axes; ++k) element.push(k == i ? w.size[i] : 1), place.push(k == w.axes + i ? w.places[i] : 1);
    const auto steps = [&](const Sizes& to, std::int64_t n, std::int64_t by) {
      return mul(reshape(counting(n, device), to), literal(by, dtype::i64));
    };
    const Array along = add(steps(element, w.size[i], w.dilation[i]), steps(place, w.places[i], w.stride[i]));
    at = add(mul(at, literal(w.reach(i), dtype::i64)), along);
  }
  return reshape(at, {w.elements(), w.windows()});
}

Array cut_back(const Array& reach, const Frame& f) {
  Sizes all{f.inner[0], f.inner[1]};
  for (unsigned i = 0; i < f.over.axes; ++i) all.push(f.over.reach(i));
  Array part = reshape(reach, all);
  std::int64_t none[max_rank] = {}, after[max_rank] = {};
  for (unsigned i = 0; i < f.over.axes; ++i) {
    part = slice(part, 2 + i, f.begin(i), f.end(i));
    after[2 + i] = f.inner[2 + i] - (f.end(i) - f.begin(i));
  }
  return pad(part, none, after, literal(0, reach.type()));
}

Array spread_back(const Array& parts, const Frame& f) {
  const std::int64_t rows = f.rows(), each = f.over.elements() * f.over.windows();
  const Array at = broadcast_to(reshape(positions(f.over, parts.device()), {1, each}), {rows, each});
  return cut_back(scatter_add(broadcast_to(literal(0, parts.type()), {rows, f.all()}), 1, at, reshape(parts, {rows, each})), f);
}

}  // namespace mushin::core
