// From views to the arguments of the plugin's own kernels. Host code alone.
#pragma once
#include <algorithm>

#include "channels.hpp"
#include "mushin/plugin.h"
#include "order.hpp"
#include "pool.hpp"

namespace mushin::cuda {

/// The first `rank` axes of three views, with the dims of the last.
inline Walk walk_of(int rank, const mu_tensor& a, const mu_tensor& b, const mu_tensor& dims) {
  Walk w;
  const mu_tensor* views[Walk::most_views] = {&a, &b, &dims};
  w.rank = rank;
  for (int i = 0; i < rank; ++i) {
    w.dim[i] = dims.dim[i];
    w.count *= dims.dim[i];
    for (int v = 0; v < Walk::most_views; ++v) w.stride[v][i] = views[v]->stride[i];
  }
  return w;
}

/// `indexed`: data of a gather, or result of a scatter_add; `values`: the other one.
inline Lines lines_of(const mu_tensor& indexed, const mu_tensor& indices, const mu_tensor& values, std::uint32_t axis) {
  Lines l;
  const mu_tensor* views[Walk::most_views] = {&indexed, &indices, &values};
  l.along = true;
  for (int i = 0; i < values.rank; ++i) {
    if (i == static_cast<int>(axis)) continue;
    if (i > static_cast<int>(axis) && values.dim[i] != 1) l.along = false;
    l.walk.dim[l.walk.rank] = values.dim[i];
    l.walk.count *= values.dim[i];
    for (int v = 0; v < Walk::most_views; ++v) l.walk.stride[v][l.walk.rank] = views[v]->stride[i];
    ++l.walk.rank;
  }
  l.length = values.dim[axis];
  l.index_step = indices.stride[axis], l.value_step = values.stride[axis];
  l.axis_step = indexed.stride[axis], l.extent = indexed.dim[axis];
  return l;
}

/// Rows along an axis. Other axes that lie as one in all three views are one. `dy`: x where the kind has none.
inline Rows rows_of(const mu_tensor& x, const mu_tensor& dy, const mu_tensor& to, std::uint32_t axis) {
  Rows r;
  Walk& w = r.walk;
  const mu_tensor* views[Walk::most_views] = {&x, &dy, &to};
  r.n = to.dim[axis];
  for (int v = 0; v < Walk::most_views; ++v) r.step[v] = views[v]->stride[axis];
  for (int i = 0; i < to.rank; ++i) {
    if (i == static_cast<int>(axis)) continue;
    w.count *= to.dim[i];
    if (to.dim[i] == 1) continue;
    bool as_one = w.rank > 0;
    for (int v = 0; v < Walk::most_views; ++v) as_one = as_one && w.stride[v][w.rank - 1] == views[v]->stride[i] * to.dim[i];
    if (!as_one) w.dim[w.rank++] = 1;
    w.dim[w.rank - 1] *= to.dim[i];
    for (int v = 0; v < Walk::most_views; ++v) w.stride[v][w.rank - 1] = views[v]->stride[i];
  }
  return r;
}

/// Channels of (batch, channels, rest), in parts. `dy`: x where the kind has none.
inline Channels channels_of(const mu_tensor& x, const mu_tensor& dy, const mu_tensor& to) {
  constexpr Index lanes = Index{512} << 8, most_of_lane = 2048;  // to fill a GPU with; sums of more values would lose digits
  Channels c;
  const mu_tensor* views[Channels::views] = {&x, &dy, &to};
  c.batch = x.dim[0], c.count = x.dim[1], c.rest = x.dim[2];
  bool as_one = true;
  for (int v = 0; v < Channels::views; ++v) {
    const std::int64_t* const stride = views[v]->stride;
    as_one = as_one && (c.batch == 1 || c.rest == 1 || stride[0] == stride[2] * c.rest);
    c.batch_step[v] = stride[0], c.channel_step[v] = stride[1], c.rest_step[v] = c.rest == 1 ? stride[0] : stride[2];
  }
  if (as_one) c.rest *= c.batch, c.batch = 1;
  c.across = c.count > 1 && c.channel_step[0] < c.rest_step[0];
  c.in_part = c.across ? ChannelTeam<true>::longest : ChannelTeam<false>::longest;
  c.parts = (c.size() + c.in_part - 1) / c.in_part;
  if (c.across && c.parts > 1) c.parts = std::min(c.parts, std::max({Index{1}, lanes / c.count, c.size() / most_of_lane}));
  return c;
}

inline KeyRule key_rule_of(mu_dtype type, bool descending) {
  const int bytes = static_cast<int>(mu_dtype_bytes(type));
  const std::uint64_t top = std::uint64_t{1} << (8 * bytes - 1);
  switch (type) {
    case MU_F64:
      return {bytes, top, std::uint64_t{0x7FF} << 52, descending};
    case MU_F32:
      return {bytes, top, 0x7F800000, descending};
    case MU_F16:
      return {bytes, top, 0x7C00, descending};
    case MU_BF16:
      return {bytes, top, 0x7F80, descending};
    case MU_U8:
    case MU_BOOL:
      return {bytes, 0, 0, descending};
    default:
      return {bytes, top, 0, descending};
  }
}

/// Rows of `in` along an axis. `values`, `indices`: one stands for the other where that isn't asked for.
inline Ordering ordering_of(const mu_tensor& in, const mu_tensor& values, const mu_tensor& indices, std::uint32_t axis,
                            const KeyRule& rule) {
  Ordering o;
  o.rows = rows_of(in, values, indices, axis);
  o.length = in.dim[axis], o.rule = rule;
  const Walk& w = o.rows.walk;
  o.along = w.rank == 0 || w.stride[0][w.rank - 1] >= o.rows.step[0];
  return o;
}

/// Windows of less than 2^30 places along each axis. `dx`: x where none is made. `of_x`: elements of x are made, not of y.
inline Windows windows_of(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y, const mu_tensor& dx, bool of_x) {
  Windows w;
  const mu_tensor* views[Windows::views] = {&x, &y, &dx};
  const mu_tensor& made = of_x ? dx : y;
  const auto divisor = [](std::int64_t n) { return divisor_of(static_cast<std::uint32_t>(std::max<std::int64_t>(n, 1))); };
  w.count = made.dim[0] * made.dim[1], w.channels = divisor(made.dim[1]);
  for (int v = 0; v < Windows::views; ++v) w.batch_step[v] = views[v]->stride[0], w.channel_step[v] = views[v]->stride[1];
  const int missing = Windows::axes + 2 - x.rank;
  for (int i = missing; i < Windows::axes; ++i) {
    const int k = i - missing;
    PoolAxis& a = w.axis[i];
    a.size = static_cast<int>(x.dim[k + 2]), a.outputs = static_cast<int>(y.dim[k + 2]);
    a.window = static_cast<int>(op.window[k]), a.before = static_cast<int>(op.before[k]);
    if (op.flags & MU_POOL_COUNT_PADDING) a.counted = a.before + a.size + static_cast<int>(op.after[k]);
    a.stride = divisor(op.stride[k]), a.dilation = divisor(op.dilation[k]);
    w.extent[i] = divisor(made.dim[k + 2]), w.count *= made.dim[k + 2];
    for (int v = 0; v < Windows::views; ++v) w.step[v][i] = views[v]->stride[k + 2];
  }
  return w;
}

/// a (…, m, k) times b (…, k, n) to out (…, m, n).
inline IntegerProduct product_of(const mu_tensor& a, const mu_tensor& b, const mu_tensor& out, IntegerType type, bool wide) {
  const int row = out.rank - 2, column = out.rank - 1;
  return {walk_of(row, a, b, out),
          type,
          wide,
          out.dim[row],
          out.dim[column],
          a.dim[column],
          a.stride[row],
          a.stride[column],
          b.stride[row],
          b.stride[column],
          out.stride[row],
          out.stride[column]};
}

}  // namespace mushin::cuda
