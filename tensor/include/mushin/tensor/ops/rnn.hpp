#pragma once
#include <cstdint>

#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// A recurrent layer's kind. The rows of its weights, `gates_of` times hidden, are PyTorch's: LSTM i, f, g, o; GRU r, z, n.
enum class Cell : std::uint8_t { tanh, relu, lstm, gru };
constexpr std::int64_t gates_of(Cell c) { return c == Cell::lstm ? 4 : c == Cell::gru ? 3 : 1; }

struct RnnWay {
  Cell cell;
  bool reverse = false;  ///< from the last step to the first
};
struct RnnResult {
  Array y;      ///< (time, batch, hidden): each step's h. An LSTM's has one more step: its last cell.
  Array saved;  ///< what rnn_backward wants of an LSTM and a GRU
};
struct RnnGradients {
  Array x, hidden;
  Array extra;  ///< LSTM: of the first cell. GRU: of what its n gate gets from h, (time, batch, hidden)
};

/// All steps in one op. x: (time, batch, gates * hidden), what the inputs give to the gates, biases included; weight: (gates * hidden,
/// hidden); hidden: (batch, hidden), the state before; extra: LSTM: its cell, (batch, hidden); GRU: the n gate's bias of h, (hidden);
/// else none. ShapeError where sizes do not fit, or without a step.
MUSHIN_API RnnResult rnn(RnnWay, const Array& x, const Array& weight, const Array& hidden, const Array& extra);
/// Given `dy` of y.
MUSHIN_API RnnGradients rnn_backward(RnnWay, const Array& x, const Array& weight, const Array& hidden, const Array& extra,
                                     const RnnResult& made, const Array& dy);

}  // namespace mushin::core
