// CTC: the probabilities of all ways to each state, and on from it, in logarithms; a thread takes whole rows of the batch.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <string>

#include "common.hpp"

namespace mushin::builtin {
namespace {

template <class T>
constexpr T impossible = -std::numeric_limits<T>::infinity();

template <class T>
T log_sum(T a, T b, T c) {
  const T top = std::max(a, std::max(b, c));
  return top == impossible<T> ? a + b + c : top + std::log(std::exp(a - top) + std::exp(b - top) + std::exp(c - top));
}

/// One row of the batch.
template <class T>
struct Row {
  const T* logs;  // of the first step
  std::int64_t step, steps, blank;
  const std::int64_t* labels;
  std::int64_t length;

  std::int64_t states() const { return 2 * length + 1; }
  std::int64_t label(std::int64_t s) const { return s % 2 ? labels[s / 2] : blank; }
  bool may_skip(std::int64_t s) const { return s % 2 && s > 1 && label(s) != label(s - 2); }
  T input(std::int64_t t, std::int64_t s) const { return logs[t * step + label(s)]; }

  /// Of the ways to each state after step t, from those after the one before; null: there is none.
  void forward(std::int64_t t, const T* from, T* to) const {
    const auto at = [&](std::int64_t s) { return s < 0 ? impossible<T> : from ? from[s] : s == 0 ? T{0} : impossible<T>; };
    for (std::int64_t s = 0; s < states(); ++s) to[s] = log_sum(at(s), at(s - 1), may_skip(s) ? at(s - 2) : impossible<T>) + input(t, s);
  }
  /// Of the ways on from each state before step t, in place.
  void backward(std::int64_t t, T* on) const {
    for (std::int64_t s = 0; s < states(); ++s) on[s] += input(t, s);
    for (std::int64_t s = 0; s < states(); ++s) {
      const T next = s + 1 < states() ? on[s + 1] : impossible<T>;
      on[s] = log_sum(on[s], next, s + 2 < states() && may_skip(s + 2) ? on[s + 2] : impossible<T>);
    }
  }
  T total(const T* end) const {
    if (!end) return length ? impossible<T> : T{0};
    return log_sum(end[states() - 1], length ? end[states() - 2] : impossible<T>, impossible<T>);
  }
};

template <class T>
struct Ctc final : mu_plan {
  Ctc(bool g, std::int64_t b) : gradient(g), blank(b) {}

  static T* data(const mu_tensor& v) { return reinterpret_cast<T*>(address(v)); }
  static const std::int64_t* whole(const mu_tensor& v) { return reinterpret_cast<const std::int64_t*>(address(v)); }

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    try {
      if (const std::string wrong = first_error(in); !wrong.empty()) return mu_fail(error, MU_INVALID, 0, wrong.c_str());
      std::atomic<bool> no_memory{false};
      parallel(in[0].dim[1], 1, [&](std::int64_t n, std::int64_t e) {
        try {
          for (; n < e; ++n) one(in, out[0], n);
        } catch (const std::bad_alloc&) {
          no_memory = true;
        }
      });
      if (!no_memory) return MU_OK;
    } catch (const std::bad_alloc&) {
    }
    return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[ctc] no memory for the states");
  }

  std::string first_error(const mu_tensor* in) const {
    const std::int64_t time = in[0].dim[0], batch = in[0].dim[1], classes = in[0].dim[2], most = in[1].dim[1];
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::int64_t steps = whole(in[2])[n], length = whole(in[3])[n];
      const std::string row = " in row " + std::to_string(n);
      if (steps < 0 || steps > time)
        return "[ctc] there are not so many steps: " + std::to_string(steps) + " of " + std::to_string(time) + row;
      if (length < 0 || length > most)
        return "[ctc] there are not so many labels: " + std::to_string(length) + " of " + std::to_string(most) + row;
      for (std::int64_t k = 0; k < length; ++k)
        if (const std::int64_t label = whole(in[1])[n * most + k]; label < 0 || label >= classes || label == blank)
          return "[ctc] a label must be a class and not the blank: " + std::to_string(label) + row + ", " + std::to_string(classes) +
                 " classes, blank " + std::to_string(blank);
    }
    return {};
  }

  void one(const mu_tensor* in, const mu_tensor& out, std::int64_t n) const {
    const std::int64_t time = in[0].dim[0], batch = in[0].dim[1], classes = in[0].dim[2], most = in[1].dim[1];
    const Row<T> row{data(in[0]) + n * classes, batch * classes, whole(in[2])[n], blank, whole(in[1]) + n * most, whole(in[3])[n]};
    const std::int64_t states = row.states(), kept = gradient ? row.steps : 2;
    T* const to = static_cast<T*>(scratch(scratch_line, static_cast<std::size_t>((kept + 1) * states) * sizeof(T)));
    const T* last = nullptr;
    for (std::int64_t t = 0; t < row.steps; ++t) {
      T* const next = to + t % kept * states;
      row.forward(t, last, next);
      last = next;
    }
    const T total = row.total(last);
    if (!gradient) {
      data(out)[n] = -total;
      return;
    }
    T* const slope = data(out) + n * classes;
    for (std::int64_t t = 0; t < time; ++t) std::fill_n(slope + t * batch * classes, classes, T{0});
    if (total != impossible<T>) spread(row, to, to + kept * states, total, slope);
  }

  /// Minus the probability of each state, given the labels, to its class.
  static void spread(const Row<T>& row, const T* to, T* on, T total, T* slope) {
    const std::int64_t states = row.states();
    for (std::int64_t s = 0; s < states; ++s) on[s] = s + 2 >= states ? T{0} : impossible<T>;
    for (std::int64_t t = row.steps; t-- > 0;) {
      for (std::int64_t s = 0; s < states; ++s) slope[t * row.step + row.label(s)] -= std::exp(to[t * states + s] + on[s] - total);
      row.backward(t, on);
    }
  }

  bool gradient;
  std::int64_t blank;
};

}  // namespace

PlanPtr plan_ctc(const mu_op_ctc& op, const Views& v) {
  if (op.kind > MU_CTC_GRADIENT) unsupported("[ctc] kind " + std::to_string(op.kind) + " is not known here");
  const Type t = checked_type(v.in[0], "[ctc] log-probabilities");
  if (t != Type::f32 && t != Type::f64) unsupported("[ctc] float32 and float64 only");
  if (v.in[0].rank != 3) invalid("[ctc] log-probabilities are (time, batch, classes): " + dims_text(v.in[0]));
  const std::int64_t batch = v.in[0].dim[1];
  if (op.blank < 0 || op.blank >= v.in[0].dim[2]) invalid("[ctc] the blank is no class: " + std::to_string(op.blank));
  for (int i = 1; i < 4; ++i)
    if (checked_type(v.in[i], "[ctc] labels and numbers") != Type::i64 || v.in[i].rank != (i == 1 ? 2 : 1) || v.in[i].dim[0] != batch)
      invalid("[ctc] labels (batch, most) and numbers (batch) are I64: " + dims_text(v.in[i]));
  const bool gradient = op.kind == MU_CTC_GRADIENT;
  if (checked_type(v.out[0], "[ctc] output") != t) invalid("[ctc] element types differ");
  if (gradient)
    require_equal_dims(v.out[0], v.in[0], "[ctc] gradient and log-probabilities");
  else
    require_equal_dims(v.out[0], v.in[2], "[ctc] losses and numbers of steps");
  for (int i = 0; i < 5; ++i)
    if (!is_contiguous(i < 4 ? v.in[i] : v.out[0])) invalid("[ctc] views are dense and row-major");
  if (t == Type::f32) return std::make_unique<Ctc<float>>(gradient, op.blank);
  return std::make_unique<Ctc<double>>(gradient, op.blank);
}

}  // namespace mushin::builtin
