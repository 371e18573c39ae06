#include "mushin/nn/recurrent.hpp"

#include <string>
#include <vector>

#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

using core::Traced;
using Steps = std::vector<Traced>;

const char* layer_name(Gating g) { return g == Gating::rnn ? "RNN" : g == Gating::gru ? "GRU" : "LSTM"; }
const char* cell_name(Gating g) { return g == Gating::rnn ? "RNNCell" : g == Gating::gru ? "GRUCell" : "LSTMCell"; }

/// The parameters of one layer, as a step needs them.
struct Weights {
  Gating gating;
  Traced input, from_hidden, input_bias, hidden_bias;  // the matrices transposed
};
Weights weights(Gating g, const Traced* parameters) {
  return {g, transpose(parameters[0]), transpose(parameters[1]), parameters[2], parameters[3]};
}

/// What x gives to the gates, whatever the state: for all steps in one product. A GRU's reset gate stands between the biases.
Traced projected(const Weights& w, const Traced& x) {
  return add(matmul(x, w.input), w.gating == Gating::gru ? w.input_bias : add(w.input_bias, w.hidden_bias));
}

/// Gate `i` of (…, gates * hidden).
Traced gate(const Weights& w, const Traced& all, std::int64_t i) {
  const std::int64_t hidden = w.from_hidden.sizes()[0];
  return slice(all, all.rank() - 1, i * hidden, (i + 1) * hidden);
}

RecurrentState lstm_step(const Weights& w, const Traced& all, const RecurrentState& before) {
  const Traced fresh = mul(sigmoid(gate(w, all, 0)), tanh(gate(w, all, 2)));
  const Traced cell = before.cell ? add(mul(sigmoid(gate(w, all, 1)), before.cell), fresh) : fresh;
  return {mul(sigmoid(gate(w, all, 3)), tanh(cell)), cell};
}

RecurrentState gru_step(const Weights& w, const Traced& input, const Traced& before) {
  const Traced own = before ? add(matmul(before, w.from_hidden), w.hidden_bias) : w.hidden_bias;
  const Traced reset = sigmoid(add(gate(w, input, 0), gate(w, own, 0))), keep = sigmoid(add(gate(w, input, 1), gate(w, own, 1)));
  const Traced fresh = tanh(add(gate(w, input, 2), mul(reset, gate(w, own, 2))));
  return {before ? add(fresh, mul(keep, sub(before, fresh))) : sub(fresh, mul(keep, fresh)), {}};
}

/// input: (batch, gates * hidden), of `projected`.
RecurrentState step(const Weights& w, const Traced& input, const RecurrentState& before) {
  if (w.gating == Gating::gru) return gru_step(w, input, before.hidden);
  const Traced all = before.hidden ? add(matmul(before.hidden, w.from_hidden), input) : input;
  return w.gating == Gating::lstm ? lstm_step(w, all, before) : RecurrentState{tanh(all), {}};
}

/// Appends each step of (batch, time, features). By halving, since the gradient of a slice is as long as what it was cut from: of n steps
/// n log n elements are written, not n².
void append_steps(const Traced& x, Steps& to) {
  const std::int64_t time = x.sizes()[1];
  if (time == 1) {
    to.push_back(reshape(x, {x.sizes()[0], x.sizes()[2]}));
    return;
  }
  append_steps(slice(x, 1, 0, time / 2), to);
  append_steps(slice(x, 1, time / 2, time), to);
}

/// Of layer `i`, where there is one at all.
Traced state_of(const Traced& states, unsigned i) { return states ? at(states, 0, i) : Traced{}; }
Traced stacked(const Steps& parts, unsigned axis) { return stack(parts.data(), static_cast<unsigned>(parts.size()), axis); }

void check(Gating g, const Traced& x, const Traced* parameters, unsigned layers, const RecurrentState& first) {
  const char* const op = layer_name(g);
  core::check_sizes(op, x.sizes(), {-1, -1, parameters[0].sizes()[1]});
  if (x.sizes()[1] == 0) throw ShapeError((std::string("[") + op + "] a sequence must have one step at least: time is 0").c_str());
  for (const Traced* state : {&first.hidden, &first.cell})
    if (*state) core::check_sizes(op, state->sizes(), {layers, x.sizes()[0], parameters[1].sizes()[1]});
}

}  // namespace

RecurrentState recurrent_step(Gating g, const Traced& x, const Traced* parameters, const RecurrentState& before) {
  core::check_sizes(cell_name(g), x.sizes(), {-1, parameters[0].sizes()[1]});
  for (const Traced* state : {&before.hidden, &before.cell})
    if (*state) core::check_sizes(cell_name(g), state->sizes(), {x.sizes()[0], parameters[1].sizes()[1]});
  const Weights w = weights(g, parameters);
  return step(w, projected(w, x), before);
}

RecurrentRun recurrent(Gating g, const Traced& x, const Traced* parameters, unsigned layers, const RecurrentState& first) {
  check(g, x, parameters, layers, first);
  Traced outputs = x;
  Steps hidden, cells;
  for (unsigned i = 0; i < layers; ++i) {
    const Weights w = weights(g, parameters + 4 * i);
    RecurrentState now{state_of(first.hidden, i), state_of(first.cell, i)};
    Steps inputs, states;
    append_steps(projected(w, outputs), inputs);
    for (const Traced& input : inputs) states.push_back((now = step(w, input, now)).hidden);
    outputs = stacked(states, 1);
    hidden.push_back(now.hidden);
    cells.push_back(now.cell);
  }
  return {outputs, {stacked(hidden, 0), g == Gating::lstm ? stacked(cells, 0) : Traced{}}};
}

}  // namespace mushin::nn::detail
