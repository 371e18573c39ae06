#include "mushin/nn/recurrent.hpp"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "losses/support.hpp"
#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/index.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/rnn.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/core/recurrent.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

using core::Array;
using core::Traced;

const char* layer_name(Gating g) { return g == Gating::lstm ? "LSTM" : g == Gating::gru ? "GRU" : "RNN"; }
const char* cell_name(Gating g) { return g == Gating::lstm ? "LSTMCell" : g == Gating::gru ? "GRUCell" : "RNNCell"; }

core::Cell cell_of(Gating g) {
  constexpr core::Cell cells[] = {core::Cell::tanh, core::Cell::relu, core::Cell::gru, core::Cell::lstm};
  return cells[static_cast<int>(g)];
}

/// The parameters of one layer, and what its steps take.
struct Weights {
  Gating gating;
  Traced input, from_hidden, input_bias, extra;  // `input` transposed
  std::int64_t hidden() const { return from_hidden.sizes()[1]; }
};
/// A GRU's reset gate stands between the biases of the third gate.
Weights weights(Gating g, const Traced* p) {
  const Traced from_inputs = transpose(p[0]);
  if (g != Gating::gru) return {g, from_inputs, p[1], add(p[2], p[3]), {}};
  const std::int64_t n = p[1].sizes()[1];
  const Traced both[] = {add(slice(p[2], 0, 0, 2 * n), slice(p[3], 0, 0, 2 * n)), slice(p[2], 0, 2 * n, 3 * n)};
  return {g, from_inputs, p[1], concat(both, 2, 0), slice(p[3], 0, 2 * n, 3 * n)};
}

/// What autocast has products of this type multiplied in; f32: as they are.
dtype narrow_type(dtype type) { return type == dtype::f32 ? product_type() : dtype::f32; }
/// What x, of rows, gives to the gates, whatever the state.
Traced projected(const Weights& w, const Traced& x) {
  const dtype narrow = narrow_type(x.type());
  return add(narrow == dtype::f32 ? matmul(x, w.input) : narrow_product(x, w.input, narrow), w.input_bias);
}

Traced zeros(const Weights& w, std::int64_t batch) {
  return core::broadcast_to(core::literal(0, w.from_hidden.type()), {batch, w.hidden()});
}
/// The given one, or zeros.
Traced or_zeros(const Weights& w, const Traced& state, std::int64_t batch) { return state ? state : zeros(w, batch); }

/// Sequences of different lengths. Those that are gone through from their ends are turned around within their lengths, run forward, and
/// turned back: their first states meet their last steps.
struct Lengths {
  Array inside;  // (time, batch, 1): the steps that count
  Array turned;  // (time, batch, 1): the number of the step that comes here
  Array last;    // (1, batch, 1): the number of the last step
};
Lengths lengths_of(const Array& lengths, std::int64_t time, core::Device* device) {
  const Array t = reshape(core::counting(time, device), {time, 1, 1}), n = reshape(lengths, {1, lengths.sizes()[0], 1});
  const Array inside = less(t, n), last = sub(n, core::literal(1, dtype::i64));
  return {inside, where(inside, sub(last, t), t), last};
}
/// Of x: (time, batch, n), the steps that `numbers`, (…, batch, 1), says.
Traced steps_at(const Traced& x, const Array& numbers) {
  return gather(x, 0, core::broadcast_to(numbers, {numbers.sizes()[0], x.sizes()[1], x.sizes()[2]}));
}
Traced zero_behind(const Lengths& l, const Traced& x) { return where(l.inside, x, core::literal(0, x.type())); }

/// What stands for a step behind the end, at the gates: an LSTM keeps its cell (i = 0, f = 1), a rectified state becomes 0.
Array at_no_step(Gating g, std::int64_t hidden, dtype type) {
  const auto row = [&](double value, std::int64_t n) { return core::broadcast_to(core::literal(value, type), {n}); };
  if (g != Gating::lstm) return core::literal(g == Gating::relu ? -HUGE_VAL : 0, type);
  const Array parts[] = {row(-HUGE_VAL, hidden), row(HUGE_VAL, hidden), row(0, 2 * hidden)};
  return core::concat(parts, 3, 0);
}

struct Layer {
  Traced outputs;  // (time, batch, hidden)
  RecurrentState last;
};
/// Sequences that count to their lengths; rows: (time, batch, gates).
Layer run_lengths(const Weights& w, const Traced& rows, bool reverse, const Lengths& l, const Traced& hidden, const Traced& extra) {
  const bool lstm = w.gating == Gating::lstm;
  const Traced inside = where(l.inside, reverse ? steps_at(rows, l.turned) : rows, at_no_step(w.gating, w.hidden(), rows.type()));
  const Traced made = rnn({cell_of(w.gating)}, inside, w.from_hidden, hidden, extra, narrow_type(rows.type()));
  const std::int64_t time = rows.sizes()[0];
  const Traced y = lstm ? slice(made, 0, 0, time) : made, within = zero_behind(l, y);
  return {reverse ? steps_at(within, l.turned) : within, {at(steps_at(y, l.last), 0, 0), lstm ? at(made, 0, time) : Traced{}}};
}

/// x: (time, batch, features), in rows one after the other. lengths: null when all steps count.
Layer layer(const Weights& w, const Traced& x, bool reverse, const RecurrentState& first, const Lengths* lengths) {
  const std::int64_t time = x.sizes()[0], batch = x.sizes()[1], gates = w.from_hidden.sizes()[0];
  const Traced rows = reshape(projected(w, reshape(x, {time * batch, x.sizes()[2]})), {time, batch, gates});
  const bool lstm = w.gating == Gating::lstm;
  const Traced hidden = or_zeros(w, first.hidden, batch), extra = lstm ? or_zeros(w, first.cell, batch) : w.extra;
  if (lengths) return run_lengths(w, rows, reverse, *lengths, hidden, extra);
  const Traced made = rnn({cell_of(w.gating), reverse}, rows, w.from_hidden, hidden, extra, narrow_type(rows.type()));
  const Traced y = lstm ? slice(made, 0, 0, time) : made;
  return {y, {at(y, 0, reverse ? 0 : time - 1), lstm ? at(made, 0, time) : Traced{}}};
}

/// Of layer `i`, where there is one at all.
Traced state_of(const Traced& states, unsigned i) { return states ? at(states, 0, i) : Traced{}; }

void check(const RecurrentKind& k, const Traced& x, const Traced* parameters, const RecurrentState& first, const Array& lengths) {
  const char* const op = layer_name(k.gating);
  core::check_sizes(op, x.sizes(), {-1, -1, parameters[0].sizes()[1]});
  if (x.sizes()[1] == 0) throw ShapeError((std::string("[") + op + "] a sequence must have one step at least: time is 0").c_str());
  for (const Traced* state : {&first.hidden, &first.cell})
    if (*state) core::check_sizes(op, state->sizes(), {k.layers * (k.both ? 2 : 1), x.sizes()[0], parameters[1].sizes()[1]});
  if (!lengths) return;
  core::check_sizes(op, lengths.sizes(), {x.sizes()[0]});
  const Array one = core::literal(1, dtype::i64), time = core::literal(x.sizes()[1], dtype::i64);
  check_elements(op, ("a length must be from 1 to the steps of x, which are " + std::to_string(x.sizes()[1])).c_str(), lengths,
                 logical_and(greater_equal(lengths, one), less_equal(lengths, time)));
}

/// (a, b, c) as (b, a, c).
Traced swapped(const Traced& x) {
  constexpr unsigned order[] = {1, 0, 2};
  return permute(x, order);
}

}  // namespace

RecurrentState recurrent_step(Gating g, const Traced& x, const Traced* parameters, const RecurrentState& before) {
  core::check_sizes(cell_name(g), x.sizes(), {-1, parameters[0].sizes()[1]});
  for (const Traced* state : {&before.hidden, &before.cell})
    if (*state) core::check_sizes(cell_name(g), state->sizes(), {x.sizes()[0], parameters[1].sizes()[1]});
  const Weights w = weights(g, parameters);
  const std::int64_t batch = x.sizes()[0];
  auto made = core::compositions::rnn_step(cell_of(g), projected(w, x), transpose(w.from_hidden), w.extra,
                                           or_zeros(w, before.hidden, batch), or_zeros(w, before.cell, batch), narrow_type(x.type()));
  return {std::move(made.hidden), std::move(made.cell)};
}

RecurrentRun recurrent(const RecurrentKind& kind, const Traced& x, const Traced* parameters, const RecurrentState& first,
                       const Array& lengths) {
  check(kind, x, parameters, first, lengths);
  const unsigned ways = kind.both ? 2 : 1;
  Traced outputs = swapped(x);
  std::optional<Lengths> ends;
  if (lengths) ends = lengths_of(lengths, x.sizes()[1], x.value().device()), outputs = zero_behind(*ends, outputs);
  std::vector<Traced> hidden, cells;
  for (unsigned i = 0; i < kind.layers; ++i) {
    if (i > 0 && kind.dropout != 0) outputs = mul(outputs, dropout_mask(outputs.sizes(), outputs.type(), kind.dropout));
    Traced each[2];
    for (unsigned way = 0; way < ways; ++way) {
      const unsigned k = i * ways + way;
      Layer made = layer(weights(kind.gating, parameters + 4 * k), outputs, way == 1, {state_of(first.hidden, k), state_of(first.cell, k)},
                         ends ? &*ends : nullptr);
      each[way] = std::move(made.outputs);
      hidden.push_back(std::move(made.last.hidden)), cells.push_back(std::move(made.last.cell));
    }
    outputs = kind.both ? concat(each, 2, 2) : each[0];
  }
  const auto stacked = [](const std::vector<Traced>& parts) { return stack(parts.data(), static_cast<unsigned>(parts.size()), 0); };
  return {swapped(outputs), {stacked(hidden), kind.gating == Gating::lstm ? stacked(cells) : Traced{}}};
}

}  // namespace mushin::nn::detail
