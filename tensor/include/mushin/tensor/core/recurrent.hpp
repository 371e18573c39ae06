#pragma once
// Recurrent layers in other ops, written once for both algebras as in compositions.hpp: for devices without the op, for cells, and for
// gradients of gradients.
#include <vector>

#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/rnn.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::compositions {

/// What a step makes. GRU: the fourth gate is what the third one gets from h.
template <class H>
struct RnnStep {
  H gate[4];
  H hidden, cell;
};

/// Part `i` of (batch, parts * hidden).
template <class H>
H gate_of(const H& all, std::int64_t hidden, std::int64_t i) {
  return slice(all, 1, i * hidden, (i + 1) * hidden);
}

/// a b; where `narrow` is f16 or bf16, of operands in it, the product in their type again. (A weight is rounded for each step, so that
/// its gradients are summed in its own type.)
template <class H>
H narrow_product(const H& a, const H& b, dtype narrow) {
  if (!is_half(narrow)) return matmul(a, b);
  return cast(matmul(cast(a, narrow), cast(b, narrow)), a.type());
}

/// x: (batch, gates * hidden), as of `core::rnn`; turned: the weight's transpose.
template <class H>
RnnStep<H> rnn_step(Cell kind, const H& x, const H& turned, const H& extra, const H& hidden, const H& cell, dtype narrow = dtype::f32) {
  const std::int64_t n = turned.sizes()[0];
  const H own = narrow_product(hidden, turned, narrow);
  if (kind == Cell::gru) {
    const H u = add(gate_of(own, n, 2), extra), r = sigmoid(add(gate_of(x, n, 0), gate_of(own, n, 0)));
    const H z = sigmoid(add(gate_of(x, n, 1), gate_of(own, n, 1))), fresh = tanh(add(gate_of(x, n, 2), mul(r, u)));
    return {{r, z, fresh, u}, add(fresh, mul(z, sub(hidden, fresh))), {}};
  }
  const H all = add(own, x);
  if (kind != Cell::lstm) return {{}, kind == Cell::tanh ? tanh(all) : relu(all), {}};
  const H i = sigmoid(gate_of(all, n, 0)), f = sigmoid(gate_of(all, n, 1)), g = tanh(gate_of(all, n, 2)), o = sigmoid(gate_of(all, n, 3));
  const H c = add(mul(f, cell), mul(i, g));
  return {{i, f, g, o}, mul(o, tanh(c)), c};
}

/// Appends each step of (time, …). By halving, since the gradient of a slice is as long as what it was cut from: of n steps n log n
/// elements are written, not n².
template <class H>
void append_steps(const H& x, std::vector<H>& to) {
  const std::int64_t time = x.sizes()[0];
  if (time == 1) return to.push_back(at(x, 0, 0));
  append_steps(slice(x, 0, 0, time / 2), to);
  append_steps(slice(x, 0, time / 2, time), to);
}

template <class H>
struct RnnOperands {
  H x, weight, hidden, extra;
};

/// In the order of time.
template <class H>
std::vector<RnnStep<H>> rnn_steps(RnnWay way, const RnnOperands<H>& p, dtype narrow = dtype::f32) {
  std::vector<H> inputs;
  append_steps(p.x, inputs);
  const H turned = transpose(p.weight);
  std::vector<RnnStep<H>> made(inputs.size());
  H hidden = p.hidden, cell = way.cell == Cell::lstm ? p.extra : H{};
  for (std::size_t k = 0; k < made.size(); ++k) {
    const std::size_t t = way.reverse ? made.size() - 1 - k : k;
    made[t] = rnn_step(way.cell, inputs[t], turned, p.extra, hidden, cell, narrow);
    hidden = made[t].hidden, cell = made[t].cell;
  }
  return made;
}

template <class H>
H stacked(const std::vector<H>& parts) {
  return stack(parts.data(), static_cast<unsigned>(parts.size()), 0);
}

/// What core::rnn gives for these steps.
template <class H>
H rnn_of_steps(RnnWay way, const std::vector<RnnStep<H>>& steps) {
  std::vector<H> parts;
  for (const auto& s : steps) parts.push_back(s.hidden);
  if (way.cell == Cell::lstm) parts.push_back(way.reverse ? steps.front().cell : steps.back().cell);
  return stacked(parts);
}
template <class H>
H rnn(RnnWay way, const RnnOperands<H>& p) {
  return rnn_of_steps(way, rnn_steps(way, p));
}

template <class H>
struct RnnGradientsOf {
  H x, hidden, extra;  // as of core::RnnGradients
};

// s (1 - s) d, (1 - t²) d
template <class H>
H through_sigmoid(const H& s, const H& d) {
  return mul(d, mul(s, sub(literal(1, s.type()), s)));
}
template <class H>
H through_tanh(const H& t, const H& d) {
  return mul(d, sub(literal(1, t.type()), mul(t, t)));
}

/// The gradient of one step: of its x, of what it gets from h, of the h and c before.
template <class H>
struct RnnStepGradient {
  H x, own, hidden, cell;
};
template <class H>
RnnStepGradient<H> rnn_step_backward(Cell kind, const RnnStep<H>& s, const H& before, const H& cell_before, const H& dh, const H& dc) {
  if (kind == Cell::tanh || kind == Cell::relu) {
    const H d = kind == Cell::tanh ? through_tanh(s.hidden, dh) : step(s.hidden, dh);
    return {d, d, {}, {}};
  }
  if (kind == Cell::gru) {
    const H &r = s.gate[0], &z = s.gate[1], &n = s.gate[2], kept = mul(z, dh), dn = through_tanh(n, sub(dh, kept));
    const H dr = through_sigmoid(r, mul(dn, s.gate[3])), dz = through_sigmoid(z, mul(dh, sub(before, n)));
    const H x[] = {dr, dz, dn}, own[] = {dr, dz, mul(dn, r)};
    return {concat(x, 3, 1), concat(own, 3, 1), kept, {}};
  }
  const H &i = s.gate[0], &f = s.gate[1], &g = s.gate[2], &o = s.gate[3], t = tanh(s.cell);
  const H d = add(dc, through_tanh(t, mul(dh, o)));
  const H parts[] = {through_sigmoid(i, mul(d, g)), through_sigmoid(f, mul(d, cell_before)), through_tanh(g, mul(d, i)),
                     through_sigmoid(o, mul(dh, t))};
  const H all = concat(parts, 4, 1);
  return {all, all, {}, mul(d, f)};
}

/// `steps`: as rnn_steps made them of `p`, with the same `narrow`.
template <class H>
RnnGradientsOf<H> rnn_backward(RnnWay way, const RnnOperands<H>& p, const std::vector<RnnStep<H>>& steps, const H& dy,
                               dtype narrow = dtype::f32) {
  const std::size_t time = steps.size();
  std::vector<H> wanted, x(time), u(time);
  append_steps(dy, wanted);
  const bool lstm = way.cell == Cell::lstm, gru = way.cell == Cell::gru;
  H dh, dc = lstm ? wanted[time] : H{};
  for (std::size_t k = time; k-- > 0;) {
    const std::size_t t = way.reverse ? time - 1 - k : k, earlier = way.reverse ? t + 1 : t - 1;
    const H before = k ? steps[earlier].hidden : p.hidden, cell_before = !lstm ? H{} : k ? steps[earlier].cell : p.extra;
    const auto d = rnn_step_backward(way.cell, steps[t], before, cell_before, dh ? H(add(dh, wanted[t])) : wanted[t], dc);
    x[t] = d.x, dc = d.cell;
    dh = narrow_product(d.own, p.weight, narrow);
    if (gru) dh = add(dh, d.hidden), u[t] = gate_of(d.own, p.weight.sizes()[1], 2);
  }
  return {stacked(x), dh, lstm ? dc : gru ? stacked(u) : H{}};
}

template <class H>
RnnGradientsOf<H> rnn_backward(RnnWay way, const RnnOperands<H>& p, const H& dy) {
  return rnn_backward(way, p, rnn_steps(way, p), dy);
}

/// (time, batch, n) as (time * batch, n), transposed.
template <class H>
H turned_rows(const H& a) {
  return transpose(reshape(a, {a.sizes()[0] * a.sizes()[1], a.sizes()[2]}));
}

/// The sum over all steps of d^T h, h being the state before the step. d: (time, batch, n); y: (time, batch, hidden) at least.
template <class H>
H over_steps(RnnWay way, const H& d, const H& y, const H& hidden) {
  const std::int64_t time = d.sizes()[0], later = way.reverse ? 0 : 1, earlier = 1 - later;
  const H first = matmul(transpose(at(d, 0, way.reverse ? time - 1 : 0)), hidden);
  if (time == 1) return first;
  const H others = slice(y, 0, earlier, earlier + time - 1);
  const H rows = reshape(others, {(time - 1) * y.sizes()[1], y.sizes()[2]});
  return add(matmul(turned_rows(slice(d, 0, later, later + time - 1)), rows), first);
}

/// The same of products in `narrow`, one for each step.
template <class H>
H over_narrow_steps(RnnWay way, const H& d, const H& y, const H& hidden, dtype narrow) {
  std::vector<H> given, before;
  append_steps(d, given), append_steps(y, before);
  const std::size_t time = given.size();
  H sum;
  for (std::size_t k = 0; k < time; ++k) {
    const std::size_t t = way.reverse ? time - 1 - k : k, earlier = way.reverse ? t + 1 : t - 1;
    const H product = narrow_product(H(transpose(given[t])), k ? before[earlier] : hidden, narrow);
    sum = sum ? H(add(sum, product)) : product;
  }
  return sum;
}

/// The weight's gradient.
template <class H>
H rnn_weight_gradient(RnnWay way, const H& dx, const H& du, const H& y, const H& hidden, dtype narrow = dtype::f32) {
  if (is_half(narrow)) {
    const std::int64_t n = hidden.sizes()[1];
    const H parts[] = {way.cell == Cell::gru ? H(slice(dx, 2, 0, 2 * n)) : dx, du};
    return over_narrow_steps(way, way.cell == Cell::gru ? H(concat(parts, 2, 2)) : dx, y, hidden, narrow);
  }
  if (way.cell != Cell::gru) return over_steps(way, dx, y, hidden);
  const std::int64_t n = hidden.sizes()[1];
  const H parts[] = {over_steps(way, H(slice(dx, 2, 0, 2 * n)), y, hidden), over_steps(way, du, y, hidden)};
  return concat(parts, 2, 0);
}

}  // namespace mushin::core::compositions
