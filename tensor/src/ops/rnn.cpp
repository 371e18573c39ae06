#include "mushin/tensor/ops/rnn.hpp"

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/recurrent.hpp"

namespace mushin::core {
namespace {

constexpr dtype f32 = dtype::f32;
Array widened(const Array& a) { return a ? cast(a, f32) : a; }

mu_op_rnn descriptor(RnnWay way, std::uint32_t flags) {
  constexpr std::uint32_t kinds[] = {MU_RNN_TANH, MU_RNN_RELU, MU_RNN_LSTM, MU_RNN_GRU};
  return {{sizeof(mu_op_rnn), MU_OP_RNN}, kinds[static_cast<int>(way.cell)], flags | (way.reverse ? MU_RNN_REVERSE : 0)};
}

/// Views in order, of operands as dense buffers on one device. The arrays live as long.
struct Operands {
  Device* device;
  Array held[8];
  mu_tensor view[12];
  unsigned count = 0;

  void take(const Array& a) {
    if (a) held[count] = contiguous("rnn", buffer_of(a, device)), give(held[count]);
  }
  void give(const Array& a) {
    if (a) view_of(view[count++], node_of(a));
  }
};

/// That of all operands.
Device* device_of(const char* name, const Array& x, const Array& weight, const Array& hidden, const Array& extra) {
  if (extra) (void)common_device(name, node_of(x), node_of(extra));
  return common_device(name, node_of(x), node_of(weight), node_of(hidden));
}

struct Extents {
  std::int64_t time, batch, hidden;
};
Extents checked(RnnWay way, const Array& x, const Array& weight, const Array& hidden, const Array& extra) {
  const std::int64_t n = hidden.sizes()[hidden.rank() - 1], gates = gates_of(way.cell);
  check_sizes("rnn", x.sizes(), {-1, -1, gates * n});
  const Extents e{x.sizes()[0], x.sizes()[1], n};
  check_sizes("rnn", weight.sizes(), {gates * n, n});
  check_sizes("rnn", hidden.sizes(), {e.batch, n});
  if (way.cell == Cell::lstm) check_sizes("rnn", extra.sizes(), {e.batch, n});
  if (way.cell == Cell::gru) check_sizes("rnn", extra.sizes(), {n});
  if (e.time == 0) fail<ShapeError>("[rnn] a sequence must have one step at least: {}", text_of(x.sizes()));
  return e;
}

Array fresh(Device* d, const Array& like, const Sizes& sizes) { return fresh_array(d, like.type(), sizes, sizes.count(), "rnn"); }

}  // namespace

RnnResult rnn(RnnWay way, const Array& x, const Array& weight, const Array& hidden, const Array& extra) {
  const Extents e = checked(way, x, weight, hidden, extra);
  if (is_half(x.type())) {
    const RnnResult r = rnn(way, cast(x, f32), cast(weight, f32), cast(hidden, f32), widened(extra));
    return {cast(r.y, x.type()), r.saved};
  }
  const bool lstm = way.cell == Cell::lstm, gru = way.cell == Cell::gru;
  Operands o{device_of("rnn", x, weight, hidden, extra), {}, {}};
  o.take(x), o.take(weight), o.take(hidden), o.take(extra);
  const unsigned n_in = o.count;
  RnnResult made{fresh(o.device, x, {e.time + lstm, e.batch, e.hidden}), {}};
  if (lstm || gru) made.saved = fresh(o.device, x, {e.time, e.batch, (lstm ? 5 : 4) * e.hidden});
  if (made.y.sizes().count() == 0) return made;
  o.give(lstm ? slice(made.y, 0, 0, e.time) : made.y), o.give(made.saved);
  if (lstm) o.give(at(made.y, 0, e.time));
  const mu_op_rnn op = descriptor(way, 0);
  if (try_request("rnn", o.device, &op.h, n_in, {o.view, o.count})) return made;
  return {compositions::rnn<Array>(way, {x, weight, hidden, extra}), {}};
}

RnnGradients rnn_backward(RnnWay way, const Array& x, const Array& weight, const Array& hidden, const Array& extra, const RnnResult& made,
                          const Array& dy) {
  const Extents e = checked(way, x, weight, hidden, extra);
  if (is_half(x.type())) {
    const RnnResult wide{cast(made.y, f32), made.saved};
    const RnnGradients g = rnn_backward(way, cast(x, f32), cast(weight, f32), cast(hidden, f32), widened(extra), wide, cast(dy, f32));
    return {cast(g.x, x.type()), cast(g.hidden, x.type()), g.extra ? cast(g.extra, x.type()) : g.extra};
  }
  const bool lstm = way.cell == Cell::lstm, gru = way.cell == Cell::gru;
  (void)common_device("rnn_backward", node_of(x), node_of(dy));
  Operands o{device_of("rnn_backward", x, weight, hidden, extra), {}, {}};
  o.take(weight), o.take(hidden), o.take(lstm ? extra : Array()), o.take(slice(made.y, 0, 0, e.time)), o.take(made.saved);
  o.take(slice(dy, 0, 0, e.time)), o.take(lstm ? at(dy, 0, e.time) : Array());
  const unsigned n_in = o.count;
  RnnGradients g{fresh(o.device, x, x.sizes()), fresh(o.device, x, hidden.sizes()), {}};
  if (lstm) g.extra = fresh(o.device, x, hidden.sizes());
  if (gru) g.extra = fresh(o.device, x, {e.time, e.batch, e.hidden});
  if (g.x.sizes().count() == 0) return g;
  o.give(g.x), o.give(g.hidden), o.give(g.extra);
  const mu_op_rnn op = descriptor(way, MU_RNN_BACKWARD);
  const bool complete = made.saved || (!lstm && !gru);  // else the device has refused the op before
  if (complete && try_request("rnn_backward", o.device, &op.h, n_in, {o.view, o.count})) return g;
  const auto composed = compositions::rnn_backward<Array>(way, {x, weight, hidden, extra}, dy);
  return {composed.x, composed.hidden, composed.extra};
}

}  // namespace mushin::core
