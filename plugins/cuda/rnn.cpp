// RNN: for each step a product with the weight, and a kernel that makes the rest of it.
#include <initializer_list>
#include <string>

#include "plan.hpp"
#include "product.hpp"
#include "rnn_kernels.hpp"

namespace mushin::cuda {
namespace {

/// The op's views by name. Null: the cell or the direction has none.
struct RnnViews {
  const mu_tensor *x = nullptr, *w = nullptr, *h0 = nullptr, *extra = nullptr;                        // extra: c0, or the GRU's bias
  const mu_tensor *y = nullptr, *s = nullptr, *last = nullptr;                                        // last: the LSTM's c behind all steps
  const mu_tensor *dy = nullptr, *dlast = nullptr, *dx = nullptr, *dh0 = nullptr, *dextra = nullptr;  // dextra: of c0, or the GRU's du
  std::uint32_t n_in, n_out;

  RnnViews(RnnCell cell, bool back, const mu_tensor* in, const mu_tensor* out) {
    const mu_tensor *const first_in = in, *const first_out = out;
    const bool lstm = cell == RnnCell::lstm, gru = cell == RnnCell::gru;
    if (!back) x = in++;
    w = in++, h0 = in++;
    if (lstm || (gru && !back)) extra = in++;
    const mu_tensor*& made = back ? in : out;
    y = made++;
    if (lstm || gru) s = made++;
    if (!back && lstm) last = out++;
    if (back) {
      dy = in++;
      if (lstm) dlast = in++;
      dx = out++, dh0 = out++;
      if (lstm || gru) dextra = out++;
    }
    n_in = static_cast<std::uint32_t>(in - first_in), n_out = static_cast<std::uint32_t>(out - first_out);
  }
};

std::string text(std::int64_t n) { return std::to_string(n); }

struct RnnSizes {
  std::int64_t time, batch, n, gates, saved;  // gates, saved: in a row
  std::int64_t units() const { return batch * n; }
};

mu_tensor matrix(mu_dtype type, std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
  mu_tensor v{};
  v.size = sizeof v, v.dtype = type, v.rank = 2;
  v.dim[0] = rows, v.dim[1] = columns, v.stride[0] = row, v.stride[1] = column;
  v.bytes = static_cast<std::uint64_t>(rows * columns) * mu_dtype_bytes(type);
  return v;
}
mu_tensor dense_matrix(mu_dtype type, std::int64_t rows, std::int64_t columns) { return matrix(type, rows, columns, columns, 1); }

class Rnn final : public mu_plan {
 public:
  Rnn(const Request& r, const mu_op_rnn& op, const RnnSizes& sizes)
      : mu_plan(r.device),
        cell_(static_cast<RnnCell>(op.kind)),
        back_(op.flags & MU_RNN_BACKWARD),
        reverse_(op.flags & MU_RNN_REVERSE),
        type_(r.in[0].dtype),
        z_(sizes),
        state_(dense_matrix(type_, z_.batch, back_ ? z_.gates : z_.n)),
        weight_(back_ ? dense_matrix(type_, z_.gates, z_.n) : matrix(type_, z_.n, z_.gates, 1, z_.n)),
        result_(dense_matrix(type_, z_.batch, back_ ? z_.n : z_.gates)) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    const mu_tensor operands[] = {state_, weight_};
    const mu_op_matmul product{{sizeof product, MU_OP_MATMUL}, type_, MU_MATH_EXACT, nullptr};
    product_ = make_matmul({device, &product.h, 2, operands, 1, &result_, r.query, r.ordered});
    product_->n_in = 2, product_->n_out = 1;
    deterministic = product_->deterministic;
    product_place_ = take(product_->workspace_bytes);
    result_place_ = take(result_.bytes);
    if (!back_ || cell_ != RnnCell::gru) return;
    carry_place_ = take(bytes(z_.n)), own_place_ = take(bytes(z_.gates));
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (z_.units() == 0) return MU_OK;
    if (!workspace) return mu_fail(e, MU_INVALID, 0, "[rnn] the plan's workspace is missing");
    const RnnViews v(cell_, back_, in, out);
    return back_ ? backward(s, v, workspace, e) : forward(s, v, workspace, e);
  }

 private:
  std::uint64_t bytes(std::int64_t columns) const { return static_cast<std::uint64_t>(z_.batch * columns) * mu_dtype_bytes(type_); }
  std::uint64_t take(std::uint64_t room) {
    const std::uint64_t place = workspace_bytes;
    workspace_bytes += aligned(room);
    return place;
  }
  /// Where the rows of step k begin, in the order of the steps.
  char* of_step(const mu_tensor* v, std::int64_t k, std::int64_t columns) const {
    return address(*v) + static_cast<std::uint64_t>(reverse_ ? z_.time - 1 - k : k) * bytes(columns);
  }
  mu_code multiply(mu_stream& s, const void* state, const mu_tensor& w, char* to, char* workspace, mu_error* e) const {
    mu_buffer from{static_cast<char*>(const_cast<void*>(state)), MU_MEMORY_DEVICE}, result{to, MU_MEMORY_DEVICE};
    mu_tensor in[] = {state_, weight_}, out = result_;
    in[0].buffer = &from, in[1].buffer = w.buffer, in[1].byte_offset = w.byte_offset, out.buffer = &result;
    return product_->run(s, in, &out, workspace + product_place_, e);
  }

  mu_code forward(mu_stream& s, const RnnViews& v, char* workspace, mu_error* e) const {
    RnnForward r{};
    r.count = z_.units(), r.hidden = divisor_of(static_cast<std::uint32_t>(z_.n));
    r.product = workspace + result_place_, r.before = address(*v.h0);
    if (v.extra) r.extra = address(*v.extra), r.extra_row = z_.n;
    for (std::int64_t k = 0; k < z_.time; ++k) {
      if (const mu_code code = multiply(s, r.before, *v.w, workspace + result_place_, workspace, e); code != MU_OK) return code;
      r.x = of_step(v.x, k, z_.gates), r.h = of_step(v.y, k, z_.n);
      if (v.s) r.s = of_step(v.s, k, z_.saved);
      if (v.last && k + 1 == z_.time) r.last = address(*v.last);
      if (const mu_code code = launched(launch_rnn(cell_, type_ == MU_F64, r, s.handle), e); code != MU_OK) return code;
      r.before = r.h;
      if (cell_ == RnnCell::lstm) r.extra = cells_of_step(v, k), r.extra_row = z_.saved;
    }
    return MU_OK;
  }

  mu_code backward(mu_stream& s, const RnnViews& v, char* workspace, mu_error* e) const {
    const bool lstm = cell_ == RnnCell::lstm, gru = cell_ == RnnCell::gru;
    char* const result = workspace + result_place_;
    RnnBackward r{};
    r.count = z_.units(), r.hidden = divisor_of(static_cast<std::uint32_t>(z_.n));
    if (lstm) r.carry = address(*v.dlast), r.carried = address(*v.dextra);
    if (gru) r.carried = workspace + carry_place_, r.own = workspace + own_place_;
    for (std::int64_t k = z_.time; k-- > 0;) {
      const bool first = k == 0;
      r.h = of_step(v.y, k, z_.n), r.dy = of_step(v.dy, k, z_.n), r.dx = of_step(v.dx, k, z_.gates);
      r.before = first ? address(*v.h0) : of_step(v.y, k - 1, z_.n);
      if (v.s) r.s = of_step(v.s, k, z_.saved);
      if (gru) r.du = of_step(v.dextra, k, z_.n);
      if (lstm) r.cells = first ? address(*v.extra) : cells_of_step(v, k - 1), r.cell_row = first ? z_.n : z_.saved;
      if (const mu_code code = launched(launch_rnn(cell_, type_ == MU_F64, r, s.handle), e); code != MU_OK) return code;
      // What is left at the end is the gradient of h0: but for the GRU's part beside the product.
      char* const to = first && !gru ? address(*v.dh0) : result;
      if (const mu_code code = multiply(s, gru ? r.own : r.dx, *v.w, to, workspace, e); code != MU_OK) return code;
      r.product = result, r.carry = r.carried;
    }
    return gru ? launched(launch_rnn_sum(type_ == MU_F64, result, r.carried, address(*v.dh0), r.count, s.handle), e) : mu_code{MU_OK};
  }

  const char* cells_of_step(const RnnViews& v, std::int64_t k) const {
    return of_step(v.s, k, z_.saved) + static_cast<std::uint64_t>(z_.n) * 4 * mu_dtype_bytes(type_);
  }
  mu_code launched(cudaError_t status, mu_error* e) const { return device.check(status, "[rnn] a step can't be launched", e); }

  RnnCell cell_;
  bool back_, reverse_;
  mu_dtype type_;
  RnnSizes z_;
  mu_tensor state_, weight_, result_;  // of a step's product
  PlanPtr product_;
  std::uint64_t product_place_ = 0, result_place_ = 0, carry_place_ = 0, own_place_ = 0;
};

void check(const mu_tensor* v, mu_dtype type, std::initializer_list<std::int64_t> dims) {
  if (!v) return;
  if (v->dtype != type) invalid("[rnn] element types differ");
  bool good = v->rank == dims.size() && is_contiguous(*v);
  for (int i = 0; good && i < v->rank; ++i) good = v->dim[i] == dims.begin()[i];
  if (!good) invalid("[rnn] a view does not have its sizes, row-major: " + dims_text(*v));
}

}  // namespace

PlanPtr make_rnn(const Request& r) {
  const auto op = descriptor<mu_op_rnn>(r, "rnn");
  if (op.kind >= rnn_cells) unsupported("[rnn] kind " + text(op.kind) + " is not known here");
  if (op.flags & ~(MU_RNN_BACKWARD | MU_RNN_REVERSE)) unsupported("[rnn] flags " + text(op.flags) + " are not known here");
  const RnnViews v(static_cast<RnnCell>(op.kind), op.flags & MU_RNN_BACKWARD, r.in, r.out);
  require_views(r, v.n_in, v.n_out, "rnn");
  if (v.y->rank != 3 || v.y->dim[0] == 0) invalid("[rnn] y is not (time, batch, hidden) of a step at least: " + dims_text(*v.y));
  const mu_dtype type = v.y->dtype;
  if (type != MU_F32 && type != MU_F64) unsupported("[rnn] float32 and float64 only");
  const std::int64_t t = v.y->dim[0], b = v.y->dim[1], n = v.y->dim[2], gates = rnn_gates[op.kind] * n, saved = rnn_saved[op.kind] * n;
  for (const mu_tensor* each : {v.x, v.dx}) check(each, type, {t, b, gates});
  for (const mu_tensor* each : {v.y, v.dy}) check(each, type, {t, b, n});
  for (const mu_tensor* each : {v.h0, v.dh0, v.last, v.dlast}) check(each, type, {b, n});
  check(v.w, type, {gates, n}), check(v.s, type, {t, b, saved});
  if (op.kind == MU_RNN_LSTM) check(v.extra, type, {b, n}), check(v.dextra, type, {b, n});
  if (op.kind == MU_RNN_GRU) check(v.extra, type, {n}), check(v.dextra, type, {t, b, n});
  if (b * n >= std::int64_t{1} << 31) unsupported("[rnn] states of 2^31 numbers and more are not for these kernels: " + dims_text(*v.y));
  return std::make_unique<Rnn>(r, op, RnnSizes{t, b, n, gates, saved});
}

}  // namespace mushin::cuda
