#include "mushin/tensor/ops/pool.hpp"

#include <algorithm>
#include <utility>

#include "core/fail.hpp"
#include "core/layouts.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/adaptive.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "ops/decomposed.hpp"

namespace mushin::core {
namespace {

mu_op_pool description(std::uint32_t kind, const PoolWindow& w) {
  mu_op_pool op{};
  op.h = {sizeof op, MU_OP_POOL};
  op.kind = kind, op.flags = w.counts_padding ? MU_POOL_COUNT_PADDING : 0;
  std::copy_n(w.window, 3, op.window), std::copy_n(w.stride, 3, op.stride), std::copy_n(w.dilation, 3, op.dilation);
  std::copy_n(w.padding, 3, op.before), std::copy_n(w.padding, 3, op.after);
  return op;
}

// By the device's own op; null where it has none. `b` may be empty.
Array native(const char* name, std::uint32_t kind, const Array& a, const Array& b, const Sizes& to, const PoolWindow& w) {
  const mu_op_pool op = description(kind, w);
  const Array made = fresh_array(a.device(), a.type(), to, to.count(), name);
  mu_tensor view[3];
  unsigned n = 0;
  view_of(view[n++], node_of(a));
  if (b) view_of(view[n++], node_of(b));
  view_of(view[n], node_of(made));
  return try_request(name, a.device(), &op.h, n, {view, n + 1}) ? made : Array();
}

// The same where the device has laid one of them out.
Array laid_out(const char* name, std::uint32_t kind, const Array& a, const Array& b, const Sizes& to, const PoolWindow& w) {
  Device* d = common_device(name, node_of(a), b ? node_of(b) : nullptr);
  if (!image_layouts_chosen(d) || a.sizes().count() == 0 || to.count() == 0) return {};
  const Array values[] = {in_memory(a, d), b ? in_memory(b, d) : Array()};
  const unsigned n = b ? 2 : 1;
  if (!is_opaque(node_of(values[0])) && !(b && is_opaque(node_of(values[1])))) return {};
  const mu_op_pool op = description(kind, w);
  mu_tensor view[3];
  return try_in_layout(name, d, &op.h, {values, n}, b ? 3 : 0, to, n, {view, n + 1});
}

void check_float(const char* name, const Array& a) {
  if (!is_float(a.type())) fail<Error>("[{}] needs a float type: {}", name, name_of(a.type()));
}
void check_result(const char* name, const Sizes& x, const Sizes& y, const PoolWindow& w) {
  if (const Sizes wanted = pool_sizes(name, x, w); !(y == wanted))
    fail<ShapeError>("[{}] the windows over {} make {}, not {}", name, text_of(x), text_of(wanted), text_of(y));
}

// Where a device has no 16-bit floats: in float, rounded once.
Array wide(const Array& a) { return buffer_of(cast(a, dtype::f32)); }
bool is_empty(const Array& a) { return a.sizes().count() == 0; }
Array zeros(const char* name, Device* device, dtype type, const Sizes& to) { return filled(name, device, type, to, to.count(), 0, true); }

}  // namespace

Sizes pool_sizes(const char* name, const Sizes& x, const PoolWindow& w) {
  if (x.rank < 3 || x.rank > 5) fail<ShapeError>("[{}] needs a batch, channels and 1 to 3 axes more: {}", name, text_of(x));
  Sizes y{x[0], x[1]};
  for (unsigned i = 0; i + 2 < x.rank; ++i) {
    const rules::Slide s{w.window[i], w.stride[i], w.padding[i], w.dilation[i], w.round_up};
    if (!rules::window_fits(x[2 + i], s))
      fail<ShapeError>("[{}] the window is greater than x with its padding: x is {}, the window is {} in axis {}", name, text_of(x),
                       s.window, 2 + i);
    y.push(rules::window_count(x[2 + i], s));
  }
  return y;
}

Array max_pool(const Array& a, const PoolWindow* window) {
  check_float("max_pool", a);
  const Sizes to = pool_sizes("max_pool", a.sizes(), *window);
  if (Array made = laid_out("max_pool", MU_POOL_MAX, a, {}, to, *window)) return made;
  const Array x = buffer_of(a);
  if (is_empty(x)) return zeros("max_pool", x.device(), x.type(), to);
  if (Array made = native("max_pool", MU_POOL_MAX, x, {}, to, *window)) return made;
  return decomposed_max_pool(x, to, *window);
}

Array max_pool_backward(const Array& a, const Array& b, const PoolWindow* window) {
  constexpr const char* name = "max_pool_backward";
  check_float(name, a);
  check_result(name, a.sizes(), b.sizes(), *window);
  Device* device = common_device(name, node_of(a), node_of(b));
  if (Array made = laid_out(name, MU_POOL_MAX_BACKWARD, a, b, a.sizes(), *window)) return made;
  const Array x = buffer_of(a, device), dy = buffer_of(b, device);
  if (is_empty(dy)) return zeros(name, device, x.type(), x.sizes());
  if (Array made = native(name, MU_POOL_MAX_BACKWARD, x, dy, x.sizes(), *window)) return made;
  if (is_half(x.type())) return cast(max_pool_backward(wide(x), wide(dy), window), x.type());
  return decomposed_max_pool_backward(x, dy, *window);
}

Array max_pool_take(const Array& a, const Array& b, const PoolWindow* window) {
  constexpr const char* name = "max_pool_take";
  check_float(name, a);
  if (!(a.sizes() == b.sizes())) fail<ShapeError>("[{}] sizes differ: {} and {}", name, text_of(a.sizes()), text_of(b.sizes()));
  const Sizes to = pool_sizes(name, a.sizes(), *window);
  Device* device = common_device(name, node_of(a), node_of(b));
  const Array x = buffer_of(a, device), g = buffer_of(b, device);
  return is_empty(x) ? zeros(name, device, x.type(), to) : decomposed_max_pool_take(x, g, to, *window);
}

Array avg_pool(const Array& a, const PoolWindow* window) {
  check_float("avg_pool", a);
  const Sizes to = pool_sizes("avg_pool", a.sizes(), *window);
  if (Array made = laid_out("avg_pool", MU_POOL_MEAN, a, {}, to, *window)) return made;
  const Array x = buffer_of(a);
  if (is_empty(x)) return zeros("avg_pool", x.device(), x.type(), to);
  if (Array made = native("avg_pool", MU_POOL_MEAN, x, {}, to, *window)) return made;
  if (is_half(x.type())) return cast(avg_pool(wide(x), window), x.type());
  return decomposed_avg_pool(x, to, *window);
}

Array avg_pool_backward(const Array& b, const Sizes& x, const PoolWindow* window) {
  constexpr const char* name = "avg_pool_backward";
  check_float(name, b);
  check_result(name, x, b.sizes(), *window);
  if (Array made = laid_out(name, MU_POOL_MEAN_BACKWARD, b, {}, x, *window)) return made;
  const Array dy = buffer_of(b);
  if (is_empty(dy)) return zeros(name, dy.device(), dy.type(), x);
  if (Array made = native(name, MU_POOL_MEAN_BACKWARD, dy, {}, x, *window)) return made;
  if (is_half(dy.type())) return cast(avg_pool_backward(wide(dy), x, window), dy.type());
  return decomposed_avg_pool_backward(dy, x, *window);
}

Array averaging_matrix(std::int64_t n, std::int64_t to, dtype type, Device* device) {
  const auto number = [](std::int64_t v) { return literal(v, dtype::i64); };
  const Array row = reshape(counting(to, device), {to, 1}), column = counting(n, device);
  const Array begin = floor_divide(mul(row, number(n)), number(to));
  const Array end = floor_divide(add(mul(add(row, number(1)), number(n)), number(to - 1)), number(to));
  const Array inside = logical_and(greater_equal(column, begin), less(column, end));
  const dtype in = is_half(type) ? dtype::f32 : type;
  return cast(div(cast(inside, in), cast(sub(end, begin), in)), type);
}

Array adaptive_avg_pool(const Array& x, const std::int64_t* to, unsigned axes) {
  if (x.rank() <= axes) fail<ShapeError>("[adaptive_avg_pool] needs more than {} axes: {}", axes, text_of(x.sizes()));
  return compositions::adaptive_avg_pool(x, to, axes);
}

}  // namespace mushin::core
