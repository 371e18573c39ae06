#pragma once
// CTC in other ops, written once for both algebras as in compositions.hpp: for devices without the op, and for gradients of gradients.
// A row's states are its labels with blanks around and between them. Impossible is a large negative number, not -inf, whose differences
// would be NaN.
#include <limits>
#include <vector>

#include "mushin/tensor/core/compositions.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/ctc.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core::compositions {

inline constexpr double impossible = -1e30;

/// What is known of the states (batch, count) without the probabilities.
struct CtcStates {
  Array label, may_skip, last;  // the state's class; whether it may follow the one two before; 0 where a spelling may end, else impossible
  std::int64_t count;
};

inline CtcStates ctc_states(const CtcTargets& t, dtype type) {
  const std::int64_t batch = t.labels.sizes()[0], most = t.labels.sizes()[1], count = 2 * most + 1;
  const auto number = [](double v, dtype of) { return literal(v, of); };
  const auto up_to = [&](std::int64_t n) { return to_device(ramp(n, dtype::i64, 0, 1), t.labels.device()); };
  const Array blank = number(static_cast<double>(t.blank), dtype::i64), lengths = reshape(t.lengths, {batch, 1});
  const Array blanks = broadcast_to(blank, {batch, 1});
  Array label = blanks;
  if (most > 0) {
    const Array known = where(less(up_to(most), lengths), t.labels, blank);  // what doesn't count may hold anything
    const Array pair[] = {broadcast_to(blank, {batch, most}), known};
    const Array parts[] = {reshape(stack(pair, 2, 2), {batch, 2 * most}), blanks};
    label = concat(parts, 2, 1);
  }
  Array may_skip = broadcast_to(number(0, dtype::b8), {batch, count});
  if (most > 0) {
    const Array differs = not_equal(slice(label, 1, 2, count), slice(label, 1, 0, count - 2));
    const Array parts[] = {broadcast_to(number(0, dtype::b8), {batch, 2}),
                           logical_and(differs, not_equal(slice(label, 1, 2, count), blank))};
    may_skip = concat(parts, 2, 1);
  }
  const Array end = add(lengths, lengths), at = up_to(count);
  const Array ends = logical_or(equal(at, end), equal(at, sub(end, number(1, dtype::i64))));
  return {label, may_skip, where(ends, number(0, type), number(impossible, type)), count};
}

/// log(e^a + e^b + e^c)
template <class H>
H log_sum(const H& a, const H& b, const H& c) {
  const Array top = maximum(maximum(value_behind(a), value_behind(b)), value_behind(c));
  return add(log(add(add(exp(sub(a, top)), exp(sub(b, top))), exp(sub(c, top)))), top);
}

/// The states `by` to the left, or to the right where it is negative; impossible where there is none.
template <class H>
H shifted(const H& a, std::int64_t by) {
  const std::int64_t n = a.sizes()[1], away = by < 0 ? -by : by, rest = away < n ? away : n;
  const H none(broadcast_to(literal(impossible, a.type()), {a.sizes()[0], rest}));
  if (rest == n) return none;
  const H parts[] = {by < 0 ? H(slice(a, 1, away, n)) : none, by < 0 ? none : H(slice(a, 1, 0, n - away))};
  return concat(parts, 2, 1);
}

/// Of each step the states' log-probabilities: (batch, count) for each step.
template <class H>
std::vector<H> ctc_inputs(const H& logs, const CtcStates& s) {
  const Sizes& z = logs.sizes();
  std::vector<H> steps;
  if (z[0] == 0) return steps;
  const H all = gather(logs, 2u, broadcast_to(s.label, {z[0], z[1], s.count}));
  const H kept = where(greater(value_behind(all), literal(impossible, all.type())), all, literal(impossible, all.type()));
  for (std::int64_t t = 0; t < z[0]; ++t) steps.push_back(at(kept, 0, t));
  return steps;
}

/// log of the probability of all ways to each state: before the first step, and after each.
template <class H>
std::vector<H> ctc_forward(const std::vector<H>& inputs, const CtcStates& s, const Array& steps, dtype type) {
  const std::int64_t batch = steps.sizes()[0];
  const Array none = literal(impossible, type), counted = reshape(steps, {batch, 1});
  const Array first[] = {broadcast_to(literal(0, type), {batch, 1}), broadcast_to(none, {batch, s.count - 1})};
  std::vector<H> all{H(s.count > 1 ? concat(first, 2, 1) : first[0])};
  for (std::size_t t = 0; t < inputs.size(); ++t) {
    const H& a = all.back();
    const H next = add(log_sum(a, shifted(a, 1), H(where(s.may_skip, shifted(a, 2), none))), inputs[t]);
    all.push_back(where(greater(counted, literal(static_cast<double>(t), dtype::i64)), next, a));
  }
  return all;
}

/// log of the probability of all ways on from each state: after each step.
template <class H>
std::vector<H> ctc_backward(const std::vector<H>& inputs, const CtcStates& s, const Array& steps) {
  const Array none = literal(impossible, s.last.type()), counted = reshape(steps, {steps.sizes()[0], 1});
  std::vector<H> all(inputs.size());
  H later = s.last;
  for (std::size_t t = inputs.size(); t-- > 0;) {
    all[t] = later;
    const H on = add(later, inputs[t]);
    const H before = log_sum(on, shifted(on, -1), shifted(H(where(s.may_skip, on, none)), -2));
    later = where(greater(counted, literal(static_cast<double>(t), dtype::i64)), before, H(s.last));
  }
  return all;
}

/// log of the probability of all spellings, (batch, 1).
template <class H>
H ctc_total(const H& end, const CtcStates& s) {
  const H all = add(end, s.last);
  const Array top = max(value_behind(all), 2u, true);
  return add(log(sum(exp(sub(all, top)), 2u, true)), top);
}
inline Array is_possible(const Array& total) { return greater(total, literal(impossible / 2, total.type())); }

inline Array ctc(const Array& logs, const CtcTargets& t) {
  const CtcStates s = ctc_states(t, logs.type());
  const Array total = ctc_total(ctc_forward(ctc_inputs(logs, s), s, t.steps, logs.type()).back(), s);
  const Array loss = where(is_possible(total), neg(total), literal(std::numeric_limits<double>::infinity(), logs.type()));
  return reshape(loss, t.steps.sizes());
}

template <class H>
H ctc_gradient(const H& logs, const CtcTargets& t) {
  const Array none = literal(0, logs.type());
  const H zeros(broadcast_to(none, logs.sizes()));
  if (logs.sizes().count() == 0) return zeros;
  const CtcStates s = ctc_states(t, logs.type());
  const auto inputs = ctc_inputs(logs, s);
  const auto to = ctc_forward(inputs, s, t.steps, logs.type()), on = ctc_backward(inputs, s, t.steps);
  const H total = ctc_total(to.back(), s);
  const Array possible = is_possible(value_behind(total)), counted = reshape(t.steps, {t.steps.sizes()[0], 1});
  std::vector<H> parts;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Array counts = logical_and(possible, greater(counted, literal(static_cast<double>(k), dtype::i64)));
    parts.push_back(where(counts, neg(exp(sub(add(to[k + 1], on[k]), total))), none));
  }
  const H each = stack(parts.data(), static_cast<unsigned>(parts.size()), 0);
  return scatter_add(zeros, 2u, broadcast_to(s.label, each.sizes()), each);
}

}  // namespace mushin::core::compositions
