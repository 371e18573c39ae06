// A step of a recurrent layer behind its product: one unit of one row at a time.
#pragma once
#include <cmath>

#include "arithmetic.hpp"

namespace mushin::cuda {

/// As the boundary numbers them.
enum class RnnCell : int { tanh, relu, lstm, gru };
inline constexpr int rnn_cells = 4;
/// Parts of the hidden size in a row of x, and of s.
inline constexpr int rnn_gates[] = {1, 1, 4, 3}, rnn_saved[] = {0, 0, 5, 4};

/// All views are dense rows of the batch. Null: the cell has none.
struct RnnForward {
  Index count = 0;  // units: the batch times the hidden size
  Divisor hidden;
  const void *x, *product, *before;  // product: of `before`, the state of the step before, with the weight
  const void* extra;                 // LSTM: that step's c; GRU: the bias
  void *h, *s;
  void* last;         // LSTM, of the last step: c once more
  Index extra_row{};  // from one row of c to the next
};
struct RnnBackward {
  Index count = 0;
  Divisor hidden;
  const void *h, *s, *before, *cells, *dy;  // cells: LSTM, c of the step before
  const void *product, *carry;              // what the step after gives to h, through the weight and beside it (LSTM: to c); null: nothing
  void *dx, *carried;
  void *own, *du;  // GRU: the gradient of h w^T, and its last part once more
  Index cell_row{};
};

/// Where a unit is: its row, and its place in it.
struct RnnUnit {
  Index row, at, n;
  MUSHIN_BOTH Index in(int parts) const { return row * parts * n + at; }
};
MUSHIN_BOTH RnnUnit rnn_unit(Index element, const Divisor& hidden) {
  const Index row = quotient(static_cast<std::uint32_t>(element), hidden), n = hidden.by;
  return {row, element - row * n, n};
}

template <class T>
MUSHIN_BOTH T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
template <class T>
MUSHIN_BOTH T through_sigmoid(T s, T d) {
  return d * s * (1 - s);
}
template <class T>
MUSHIN_BOTH T through_tanh(T t, T d) {
  return d * (1 - t * t);
}

template <class T, RnnCell cell>
MUSHIN_BOTH void rnn_forward(const RnnForward& r, Index element) {
  constexpr int gates = rnn_gates[static_cast<int>(cell)], saved = rnn_saved[static_cast<int>(cell)];
  const RnnUnit u = rnn_unit(element, r.hidden);
  const T* const x = static_cast<const T*>(r.x) + u.in(gates);
  const T* const product = static_cast<const T*>(r.product) + u.in(gates);
  const auto sum = [&](int gate) { return product[gate * u.n] + x[gate * u.n]; };
  T* const s = static_cast<T*>(r.s) + (saved ? u.in(saved) : 0);
  T& h = static_cast<T*>(r.h)[element];
  if constexpr (cell == RnnCell::tanh) {
    h = std::tanh(sum(0));
  } else if constexpr (cell == RnnCell::relu) {
    const T a = sum(0);
    h = a < 0 ? T{0} : a;  // NaN stays
  } else if constexpr (cell == RnnCell::lstm) {
    const T i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = std::tanh(sum(2)), o = sigmoid(sum(3));
    const T c = f * static_cast<const T*>(r.extra)[u.row * r.extra_row + u.at] + i * g;
    s[0] = i, s[u.n] = f, s[2 * u.n] = g, s[3 * u.n] = o, s[4 * u.n] = c;
    h = o * std::tanh(c);
    if (r.last) static_cast<T*>(r.last)[element] = c;
  } else {
    const T own = product[2 * u.n] + static_cast<const T*>(r.extra)[u.at];
    const T reset = sigmoid(sum(0)), z = sigmoid(sum(1)), fresh = std::tanh(x[2 * u.n] + reset * own);
    s[0] = reset, s[u.n] = z, s[2 * u.n] = fresh, s[3 * u.n] = own;
    h = fresh + z * (static_cast<const T*>(r.before)[element] - fresh);
  }
}

template <class T, RnnCell cell>
MUSHIN_BOTH void rnn_backward(const RnnBackward& r, Index element) {
  constexpr int gates = rnn_gates[static_cast<int>(cell)], saved = rnn_saved[static_cast<int>(cell)];
  const RnnUnit u = rnn_unit(element, r.hidden);
  const auto at = [&](const void* from) { return from ? static_cast<const T*>(from)[element] : T{0}; };
  const T* const s = static_cast<const T*>(r.s) + (saved ? u.in(saved) : 0);
  T* const dx = static_cast<T*>(r.dx) + u.in(gates);
  const T dh = at(r.product) + at(r.dy);
  if constexpr (cell == RnnCell::tanh) {
    dx[0] = through_tanh(at(r.h), dh);
  } else if constexpr (cell == RnnCell::relu) {
    dx[0] = at(r.h) > 0 ? dh : T{0};
  } else if constexpr (cell == RnnCell::lstm) {
    const T i = s[0], f = s[u.n], g = s[2 * u.n], o = s[3 * u.n], t = std::tanh(s[4 * u.n]);
    const T dc = at(r.carry) + through_tanh(t, dh * o);
    dx[0] = through_sigmoid(i, dc * g);
    dx[u.n] = through_sigmoid(f, dc * static_cast<const T*>(r.cells)[u.row * r.cell_row + u.at]);
    dx[2 * u.n] = through_tanh(g, dc * i);
    dx[3 * u.n] = through_sigmoid(o, dh * t);
    static_cast<T*>(r.carried)[element] = dc * f;
  } else {
    const T reset = s[0], z = s[u.n], fresh = s[2 * u.n], all = dh + at(r.carry), kept = z * all;
    const T dn = through_tanh(fresh, all - kept), dr = through_sigmoid(reset, dn * s[3 * u.n]);
    const T dz = through_sigmoid(z, all * (at(r.before) - fresh)), du = dn * reset;
    T* const own = static_cast<T*>(r.own) + u.in(gates);
    dx[0] = own[0] = dr, dx[u.n] = own[u.n] = dz, dx[2 * u.n] = dn;
    own[2 * u.n] = static_cast<T*>(r.du)[element] = du;
    static_cast<T*>(r.carried)[element] = kept;
  }
}

}  // namespace mushin::cuda
