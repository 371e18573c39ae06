// RNN. Rows of the batch need nothing of each other: a thread takes some of them through all steps, and waits for nobody. The weight is
// packed once, and stays in cache.
#include <algorithm>
#include <atomic>
#include <new>

#include "common.hpp"
#include "gemm.hpp"
#include "rnn_kernels.hpp"

namespace mushin::builtin {
namespace {

constexpr int gates_of[] = {1, 1, 4, 3}, saved_of[] = {0, 0, 5, 4};

/// A matrix (depth x n) in panels of columns, as `small` reads them.
class Panels {
 public:
  Panels(const float* from, std::int64_t depth, std::int64_t n, std::int64_t row, std::int64_t column)
      : table_(gemm_table(static_cast<int>(Type::f32))), depth_(depth), n_(n), width_(table_.panel_columns) {
    const std::int64_t panels = (n + width_ - 1) / width_;
    data_ = static_cast<float*>(scratch(scratch_b, static_cast<std::size_t>(panels * width_ * depth) * sizeof(float)));
    parallel(panels, most(1, 32768 / (width_ * most(1, depth))), [&](std::int64_t first, std::int64_t last) {
      table_.pack_b(data_ + first * width_ * depth, from + first * width_ * column, depth, least(n, last * width_) - first * width_, row,
                    column);
    });
  }

  /// c (rows x n) = a (rows x depth) times it; both dense.
  void times(float* c, const float* a, std::int64_t rows) const {
    for (std::int64_t j = 0; j < n_; j += width_)
      table_.small({c + j, a, data_ + j * depth_, rows, least(width_, n_ - j), depth_, n_, depth_, 1, width_});
  }

 private:
  const GemmTable& table_;
  std::int64_t depth_, n_, width_;
  float* data_;
};

float* data_of(const mu_tensor& v) { return reinterpret_cast<float*>(address(v)); }
float* room(int which, std::int64_t count) { return static_cast<float*>(scratch(which, static_cast<std::size_t>(count) * sizeof(float))); }

struct Rnn final : mu_plan {
  Rnn(std::uint32_t k, bool b, bool r) : kind(k), back(b), reverse(r), gates(gates_of[k]), saved(saved_of[k]) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const mu_tensor& y = back ? in[kind == MU_RNN_LSTM ? 3 : 2] : out[0];
    const Sizes z{y.dim[0], y.dim[1], y.dim[2]};
    if (z.time * z.batch * z.n == 0) return MU_OK;
    std::atomic<bool> no_memory{false};
    try {
      if (back)
        backward(z, in, out, no_memory);
      else
        forward(z, in, out, no_memory);
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
    return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[rnn] no memory for the weight") : MU_OK;
  }

  struct Sizes {
    std::int64_t time, batch, n;
    std::int64_t rows() const { return batch >= 32 ? 16 : 8; }  // of a thread; each step reads all of the weight for them
  };
  template <class F>
  static void over_rows(const Sizes& z, std::atomic<bool>& no_memory, const F& f) {
    parallel(z.batch, z.rows(), [&](std::int64_t r, std::int64_t e) {
      try {
        for (; r < e; r += z.rows()) f(r, least(z.rows(), e - r));
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
  }
  std::int64_t step(const Sizes& z, std::int64_t k) const { return reverse ? z.time - 1 - k : k; }

  void forward(const Sizes& z, const mu_tensor* in, const mu_tensor* out, std::atomic<bool>& no_memory) const {
    const std::int64_t n = z.n, wide = gates * n;
    const Panels weight(data_of(in[1]), n, wide, 1, n);
    const float *x = data_of(in[0]), *h0 = data_of(in[2]), *extra = n_in > 3 ? data_of(in[3]) : nullptr;
    float *y = data_of(out[0]), *s = saved ? data_of(out[1]) : nullptr;
    over_rows(z, no_memory, [&](std::int64_t r, std::int64_t rows) {
      float* product = room(scratch_product, rows * wide);
      const float *before = h0 + r * n, *cells = kind == MU_RNN_LSTM ? extra + r * n : extra;
      std::int64_t cell_row = kind == MU_RNN_LSTM ? n : 0;
      for (std::int64_t k = 0; k < z.time; ++k) {
        const std::int64_t at = step(z, k) * z.batch + r;
        weight.times(product, before, rows);
        for (std::int64_t i = 0; i < rows; ++i)
          kernels.forward[kind]({n, x + (at + i) * wide, product + i * wide, before + i * n, cells ? cells + i * cell_row : nullptr,
                                 y + (at + i) * n, s + (at + i) * saved * n});
        before = y + at * n;
        if (kind == MU_RNN_LSTM) cells = s + at * 5 * n + 4 * n, cell_row = 5 * n;
      }
      if (kind != MU_RNN_LSTM) return;
      for (std::int64_t i = 0; i < rows; ++i) std::copy_n(cells + i * cell_row, n, data_of(out[2]) + (r + i) * n);
    });
  }

  void backward(const Sizes& z, const mu_tensor* in, const mu_tensor* out, std::atomic<bool>& no_memory) const {
    const std::int64_t n = z.n, wide = gates * n;
    const bool lstm = kind == MU_RNN_LSTM, gru = kind == MU_RNN_GRU;
    const Panels weight(data_of(in[0]), wide, n, n, 1);
    const float *h0 = data_of(in[1]), *c0 = lstm ? data_of(in[2]) : nullptr, *y = data_of(in[lstm ? 3 : 2]);
    const float *s = saved ? data_of(in[lstm ? 4 : 3]) : nullptr, *dy = data_of(in[n_in - (lstm ? 2 : 1)]);
    float *dx = data_of(out[0]), *du = gru ? data_of(out[2]) : nullptr;
    over_rows(z, no_memory, [&](std::int64_t r, std::int64_t rows) {
      float *product = room(scratch_product, rows * n), *carry = room(scratch_line, rows * n);
      float* const own = gru ? room(scratch_a, rows * wide) : nullptr;
      std::fill_n(product, rows * n, 0.0f);
      if (lstm)
        std::copy_n(data_of(in[n_in - 1]) + r * n, rows * n, carry);
      else
        std::fill_n(carry, rows * n, 0.0f);
      for (std::int64_t k = z.time; k-- > 0;) {
        const std::int64_t at = step(z, k) * z.batch + r, earlier = k ? step(z, k - 1) * z.batch + r : 0;
        const float *before = k ? y + earlier * n : h0 + r * n, *cells = nullptr;
        if (lstm) cells = k ? s + earlier * 5 * n + 4 * n : c0 + r * n;
        const std::int64_t cell_row = k ? 5 * n : n;
        for (std::int64_t i = 0; i < rows; ++i) {
          kernels.backward[kind]({n, y + (at + i) * n, s + (at + i) * saved * n, before + i * n, lstm ? cells + i * cell_row : nullptr,
                                  dy + (at + i) * n, product + i * n, carry + i * n, dx + (at + i) * wide, gru ? own + i * wide : nullptr});
          if (gru) std::copy_n(own + i * wide + 2 * n, n, du + (at + i) * n);
        }
        weight.times(product, gru ? own : dx + at * wide, rows);
      }
      float* const dh = data_of(out[1]) + r * n;
      for (std::int64_t i = 0; i < rows * n; ++i) dh[i] = gru ? product[i] + carry[i] : product[i];
      if (lstm) std::copy_n(carry, rows * n, data_of(out[2]) + r * n);
    });
  }

  std::uint32_t kind;
  bool back, reverse;
  std::int64_t gates, saved;  // parts of the hidden size in a row of x, and of s
  const RnnKernels& kernels = rnn_kernels();
};

// What each view's sizes must be, in time T, batch B and parts of the hidden size.
void check(const mu_tensor& v, std::initializer_list<std::int64_t> dims) {
  if (checked_type(v, "[rnn] operand") != Type::f32) unsupported("[rnn] float32 only");
  bool good = v.rank == dims.size() && is_contiguous(v);
  for (int i = 0; good && i < v.rank; ++i) good = v.dim[i] == dims.begin()[i];
  if (!good) invalid("[rnn] a view does not have its sizes, row-major: " + dims_text(v));
}

}  // namespace

PlanPtr plan_rnn(const mu_op_rnn& op, const Views& v) {
  if (op.kind > MU_RNN_GRU) unsupported("[rnn] kind " + std::to_string(op.kind) + " is not known here");
  if (op.flags & ~(MU_RNN_BACKWARD | MU_RNN_REVERSE)) unsupported("[rnn] flags " + std::to_string(op.flags) + " are not known here");
  const bool back = op.flags & MU_RNN_BACKWARD, lstm = op.kind == MU_RNN_LSTM, gru = op.kind == MU_RNN_GRU;
  const std::uint32_t n_in = back ? (lstm ? 7 : gru ? 5 : 4) : lstm || gru ? 4 : 3;
  const std::uint32_t n_out = back ? (lstm || gru ? 3 : 2) : lstm ? 3 : gru ? 2 : 1;
  if (v.n_in != n_in || v.n_out != n_out)
    invalid("[rnn] does not take " + std::to_string(v.n_in) + " inputs and " + std::to_string(v.n_out) + " outputs");
  const mu_tensor& y = back ? v.in[lstm ? 3 : 2] : v.out[0];
  if (y.rank != 3 || y.dim[0] == 0) invalid("[rnn] y is not (time, batch, hidden) of a step at least: " + dims_text(y));
  const std::int64_t t = y.dim[0], b = y.dim[1], n = y.dim[2], wide = gates_of[op.kind] * n, saved = saved_of[op.kind] * n;
  const mu_tensor* in = v.in;
  const mu_tensor* out = v.out;
  if (!back) check(*in++, {t, b, wide});
  check(*in++, {wide, n}), check(*in++, {b, n});
  if (lstm) check(*in++, {b, n});
  if (gru && !back) check(*in++, {n});
  if (back) {
    check(*in++, {t, b, n});
    if (saved) check(*in++, {t, b, saved});
    check(*in++, {t, b, n});
    if (lstm) check(*in++, {b, n});
    check(*out++, {t, b, wide}), check(*out++, {b, n});
    if (lstm) check(*out++, {b, n});
    if (gru) check(*out++, {t, b, n});
  } else {
    check(*out++, {t, b, n});
    if (saved) check(*out++, {t, b, saved});
    if (lstm) check(*out++, {b, n});
  }
  return std::make_unique<Rnn>(op.kind, back, (op.flags & MU_RNN_REVERSE) != 0);
}

}  // namespace mushin::builtin
