#include <cmath>

#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "ops/decomposed.hpp"
#include "ops/decomposed_windows.hpp"

namespace mushin::core {
namespace {

Frame frame_of(const Sizes& x, const Sizes& y, const PoolWindow& window) {
  Frame f{{x.rank - 2, {}, {}, {}, {}}, x, {}};
  for (unsigned i = 0; i < f.over.axes; ++i) {
    f.over.size[i] = window.window[i], f.over.places[i] = y[2 + i];
    f.over.stride[i] = window.stride[i], f.over.dilation[i] = window.dilation[i], f.before[i] = window.padding[i];
  }
  return f;
}
// The axes of windows() that a window's elements are.
unsigned elements_of(const Frame& f) { return ((1u << f.over.axes) - 1) << 2; }
Array least(dtype type) { return literal(-HUGE_VAL, type); }

// Where each window has its greatest, in what all reach over: (rows, windows).
Array places_of_greatest(const Array& x, const Frame& f) {
  const Array seen = windows(reached(x, f, least(x.type())), f.over);
  Sizes plane{1, 1};
  for (unsigned i = 2; i < f.inner.rank; ++i) plane.push(f.inner[i]);
  const Array ones = broadcast_to(cast(equal(counting(1, x.device()), literal(0, dtype::i64)), dtype::u8), plane);
  const Array inside = not_equal(windows(reached(ones, f, literal(0, dtype::u8)), f.over), literal(0, dtype::u8));
  const Array is_greatest = logical_or(equal(seen, max(seen, elements_of(f), true)), not_equal(seen, seen));
  const Array first = argmax(cast(logical_and(is_greatest, inside), dtype::u8), elements_of(f), false);
  const std::int64_t rows = f.rows(), elements = f.over.elements(), count = f.over.windows();
  const Array where = broadcast_to(reshape(positions(f.over, x.device()), {1, elements, count}), {rows, elements, count});
  return reshape(gather(where, 1, reshape(first, {rows, 1, count})), {rows, count});
}

// How many elements a mean is of: (windows…).
Array counts(const Frame& f, const PoolWindow& window, const Array& like) {
  Array all = literal(1, dtype::i64);
  for (unsigned i = 0; i < f.over.axes; ++i) {
    Sizes along;
    for (unsigned k = 0; k < f.over.axes; ++k) along.push(k == i ? f.over.places[i] : 1);
    const std::int64_t pad = f.before[i], size = f.inner[2 + i], first = window.counts_padding ? -pad : 0;
    const auto number = [](std::int64_t n) { return literal(n, dtype::i64); };
    const Array begin = sub(mul(reshape(counting(f.over.places[i], like.device()), along), number(f.over.stride[i])), number(pad));
    const Array end = minimum(add(begin, number(f.over.size[i])), number(window.counts_padding ? size + pad : size));
    all = mul(all, sub(end, maximum(begin, number(first))));
  }
  return cast(all, like.type());
}

}  // namespace

Array decomposed_max_pool(const Array& x, const Sizes& y, const PoolWindow& window) {
  const Frame f = frame_of(x.sizes(), y, window);
  return max(windows(reached(x, f, least(x.type())), f.over), elements_of(f), false);
}

Array decomposed_max_pool_backward(const Array& x, const Array& dy, const PoolWindow& window) {
  const Frame f = frame_of(x.sizes(), dy.sizes(), window);
  const Array at = places_of_greatest(x, f);
  const Array zeros = broadcast_to(literal(0, dy.type()), {f.rows(), f.all()});
  return cut_back(scatter_add(zeros, 1, at, reshape(dy, at.sizes())), f);
}

Array decomposed_max_pool_take(const Array& x, const Array& g, const Sizes& y, const PoolWindow& window) {
  const Frame f = frame_of(x.sizes(), y, window);
  const Array from = reshape(reached(g, f, literal(0, g.type())), {f.rows(), f.all()});
  return reshape(gather(from, 1, places_of_greatest(x, f)), y);
}

Array decomposed_avg_pool(const Array& x, const Sizes& y, const PoolWindow& window) {
  const Frame f = frame_of(x.sizes(), y, window);
  const Array sums = sum(windows(reached(x, f, literal(0, x.type())), f.over), elements_of(f), false);
  return div(sums, counts(f, window, x));
}

Array decomposed_avg_pool_backward(const Array& dy, const Sizes& x, const PoolWindow& window) {
  const Frame f = frame_of(x, dy.sizes(), window);
  const std::int64_t rows = f.rows(), elements = f.over.elements(), count = f.over.windows();
  const Array each = reshape(div(dy, counts(f, window, dy)), {rows, 1, count});
  return spread_back(broadcast_to(each, {rows, elements, count}), f);
}

}  // namespace mushin::core
