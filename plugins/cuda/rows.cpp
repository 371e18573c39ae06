// SOFTMAX, NORMALIZE and SCAN of rows, by the plugin's own kernels.
#include <algorithm>

#include "indexing.hpp"
#include "plan.hpp"
#include "row_kernels.hpp"

namespace mushin::cuda {
namespace {

// Neighbouring rows are nearer than a row's own elements, and enough for a thread each.
bool lie_across(const Rows& r) {
  constexpr Index enough = 4096;
  return r.n > 1 && r.walk.count >= enough && r.walk.stride[0][r.walk.rank - 1] < r.step[0];
}

// Views may be the same one again where a kind has none.
struct RowViews {
  const mu_tensor &x, &dy, &to;
};

class RowsPlan : public mu_plan {
 protected:
  RowsPlan(const Request& r, RowKind kind, RowType type, const RowViews& v, std::uint32_t axis)
      : mu_plan(r.device), kind_(kind), type_(type), rows_(rows_of(v.x, v.dy, v.to, axis)), team_(team_for(rows_.n)) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
  }
  mu_code launch(mu_stream& s, const RowPlaces& places, mu_error* e) const {
    if (rows_.n == 0) return MU_OK;
    return device.check(launch_rows(kind_, type_, team_, rows_, places, s.handle), "rows can't be computed", e);
  }

  RowKind kind_;
  RowType type_;
  Rows rows_;
  int team_;
};

class Softmax final : public RowsPlan {
 public:
  Softmax(const Request& r, RowKind kind, RowType type, std::uint32_t axis)
      : RowsPlan(r, kind, type, {r.in[0], r.in[r.n_in - 1], r.out[0]}, axis) {
    if (lie_across(rows_)) team_ = 0;
  }
  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char*, mu_error* e) override {
    return launch(s, {address(in[0]), address(in[n_in - 1]), nullptr, nullptr, address(out[0]), nullptr}, e);
  }
};

class Normalize final : public RowsPlan {
 public:
  Normalize(const Request& r, RowKind kind, RowType type, double eps)
      : RowsPlan(r, kind, type, {r.in[0], sums_rows(kind) ? r.in[2] : r.in[0], r.out[0]}, 1) {
    rows_.eps = eps;
    rows_.gain_step = r.in[1].stride[0];
    if (kind == RowKind::layer) rows_.bias_step = r.in[2].stride[0];
    if (!sums_rows(kind)) return;
    const Index teams = full_blocks * std::max(1, 256 / team_sizes[team_].lanes);
    rows_.rows_in_part = std::max(least_rows, (rows_.walk.count + teams - 1) / teams);
    columns_.n = rows_.n, columns_.parts = rows_.parts(), columns_.results = is_layer(kind) ? 2 : 1;
    for (int i = 0; i < columns_.results; ++i) columns_.step[i] = r.out[1 + i].stride[0];
    const std::uint64_t bytes = type == RowType::f64 ? sizeof(double) : sizeof(float);
    workspace_bytes = aligned(static_cast<std::uint64_t>(columns_.parts * 2 * columns_.n) * bytes);
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[normalize] the plan's workspace is missing");
    const bool back = sums_rows(kind_);
    const RowPlaces places{address(in[0]),  back ? address(in[2]) : nullptr,
                           address(in[1]),  kind_ == RowKind::layer ? address(in[2]) : nullptr,
                           address(out[0]), workspace};
    if (const mu_code code = launch(s, places, e); code != MU_OK || !back) return code;
    char* const dbias = is_layer(kind_) ? address(out[2]) : nullptr;
    return device.check(launch_columns(type_, columns_, workspace, address(out[1]), dbias, s.handle), "rows can't be summed", e);
  }

 private:
  // Parts of the sums over rows: enough to fill a GPU, few enough to be summed soon.
  static constexpr Index full_blocks = 512, least_rows = 4;
  Columns columns_;
};

class ScanPlan final : public mu_plan {
 public:
  ScanPlan(const Request& r, ScanKind kind, ScanType type, std::uint32_t axis, bool reverse)
      : mu_plan(r.device), kind_(kind), type_(type), scan_{rows_of(r.in[0], r.in[0], r.out[0], axis), reverse} {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    team_ = lie_across(scan_.rows) ? 0 : team_for(scan_.rows.n);
    parts_ = parts_of(scan_.rows.walk.count, scan_.rows.n);
    const std::uint64_t totals = static_cast<std::uint64_t>(scan_.rows.walk.count * parts_.count);
    workspace_bytes = aligned(totals * (type == ScanType::f64 || type == ScanType::i64 ? 8 : 4));
  }
  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[scan] the plan's workspace is missing");
    if (workspace_bytes)
      return device.check(launch_scan_in_parts(kind_, type_, scan_, parts_, address(in[0]), address(out[0]), workspace, s.handle),
                          "a scan can't be launched", e);
    return device.check(launch_scan(kind_, type_, team_, scan_, address(in[0]), address(out[0]), s.handle), "a scan can't be launched", e);
  }

 private:
  ScanKind kind_;
  ScanType type_;
  Scan scan_;
  int team_;
  Parts parts_;  // of few long rows
};

RowType type_of(const Request& r, const char* op) {
  for (std::uint32_t i = 0; i < r.n_in + r.n_out; ++i)
    if ((i < r.n_in ? r.in[i] : r.out[i - r.n_in]).dtype != r.out[0].dtype) invalid(std::string("[") + op + "] element types differ");
  switch (r.out[0].dtype) {
    case MU_F32:
      return RowType::f32;
    case MU_F16:
      return RowType::f16;
    case MU_BF16:
      return RowType::bf16;
    case MU_F64:
      return RowType::f64;
    default:
      unsupported(std::string("[") + op + "] is for floats");
  }
}

}  // namespace

void require_dims(const char* op, const mu_tensor& v, const mu_tensor& like) {
  if (v.rank != like.rank || !std::equal(v.dim, v.dim + v.rank, like.dim))
    invalid(std::string("[") + op + "] dims differ: " + dims_text(v) + " and " + dims_text(like));
}

PlanPtr make_softmax(const Request& r) {
  const auto op = descriptor<mu_op_softmax>(r, "softmax");
  if (op.kind > MU_SOFTMAX_LOG_BACKWARD) unsupported("[softmax] kind " + std::to_string(op.kind) + " is not known here");
  static_assert(static_cast<int>(RowKind::softmax_backward) == MU_SOFTMAX_BACKWARD);
  const auto kind = static_cast<RowKind>(op.kind);
  require_views(r, kind >= RowKind::softmax_backward ? 2 : 1, 1, "softmax");
  const RowType type = type_of(r, "softmax");
  if (op.axis >= r.out[0].rank) invalid("[softmax] axis " + std::to_string(op.axis) + " is outside of " + dims_text(r.out[0]));
  for (std::uint32_t i = 0; i < r.n_in; ++i) require_dims("softmax", r.in[i], r.out[0]);
  return std::make_unique<Softmax>(r, kind, type, op.axis);
}

PlanPtr make_normalize(const Request& r) {
  const auto op = descriptor<mu_op_normalize>(r, "normalize");
  if (op.kind == MU_NORMALIZE_BATCH || op.kind == MU_NORMALIZE_BATCH_BACKWARD) return make_batch_norm(r, op);
  struct Kind {
    std::uint32_t id;
    RowKind kind;
    std::uint32_t n_in, n_out;
  };
  constexpr Kind kinds[] = {{MU_NORMALIZE_LAYER, RowKind::layer, 3, 1},
                            {MU_NORMALIZE_LAYER_BACKWARD, RowKind::layer_backward, 3, 3},
                            {MU_NORMALIZE_RMS, RowKind::rms, 2, 1},
                            {MU_NORMALIZE_RMS_BACKWARD, RowKind::rms_backward, 3, 2}};
  const auto* k = std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& each) { return each.id == op.kind; });
  if (k == std::end(kinds)) unsupported("[normalize] kind " + std::to_string(op.kind) + " is not known here");
  require_views(r, k->n_in, k->n_out, "normalize");
  const RowType type = type_of(r, "normalize");
  const mu_tensor& x = r.in[0];
  if (x.rank != 2) invalid("[normalize] x has two axes: " + dims_text(x));
  for (std::uint32_t i = 0; i < r.n_in + r.n_out; ++i) {
    const mu_tensor& v = i < r.n_in ? r.in[i] : r.out[i - r.n_in];
    const bool parameter = i < r.n_in ? i > 0 && !(i == 2 && sums_rows(k->kind)) : i > r.n_in;
    if (parameter && (v.rank != 1 || v.dim[0] != x.dim[1]))
      invalid("[normalize] a parameter is not along the last axis: " + dims_text(v) + " and " + dims_text(x));
    if (!parameter) require_dims("normalize", v, x);
  }
  return std::make_unique<Normalize>(r, k->kind, type, op.eps);
}

PlanPtr make_scan(const Request& r) {
  const auto op = descriptor<mu_op_scan>(r, "scan");
  if (op.kind != MU_SCAN_SUM && op.kind != MU_SCAN_PROD) unsupported("[scan] kind " + std::to_string(op.kind) + " is not known here");
  if (op.flags > MU_SCAN_REVERSE) unsupported("[scan] flags " + std::to_string(op.flags) + " are not known here");
  require_views(r, 1, 1, "scan");
  const mu_tensor &in = r.in[0], &out = r.out[0];
  require_dims("scan", in, out);
  if (op.axis >= out.rank) invalid("[scan] axis " + std::to_string(op.axis) + " is outside of " + dims_text(out));
  struct Types {
    mu_dtype type, acc;
    ScanType scan;
  };
  constexpr Types types[] = {{MU_F32, MU_F32, ScanType::f32},
                             {MU_F16, MU_F32, ScanType::f16},
                             {MU_BF16, MU_F32, ScanType::bf16},
                             {MU_F64, MU_F64, ScanType::f64},
                             {MU_I64, MU_I64, ScanType::i64}};
  const auto* t = std::find_if(std::begin(types), std::end(types), [&](const Types& each) { return each.type == in.dtype; });
  if (t == std::end(types) || out.dtype != in.dtype || op.acc != t->acc) unsupported("[scan] is for floats and int64, to the same type");
  return std::make_unique<ScanPlan>(r, op.kind == MU_SCAN_SUM ? ScanKind::sum : ScanKind::product, t->scan, op.axis,
                                    (op.flags & MU_SCAN_REVERSE) != 0);
}

}  // namespace mushin::cuda
