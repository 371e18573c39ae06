// CTC, by the plugin's own kernels.
#include <string>

#include "ctc_kernels.hpp"
#include "plan.hpp"

namespace mushin::cuda {
namespace {

std::string text(std::int64_t n) { return std::to_string(n); }

class Ctc final : public mu_plan {
 public:
  Ctc(const Request& r, bool gradient, const ctc::Job& job)
      : mu_plan(r.device), gradient_(gradient), type_(r.in[0].dtype == MU_F64 ? ctc::Type::f64 : ctc::Type::f32), job_(job) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    tells = true;
    const std::uint64_t element = mu_dtype_bytes(r.in[0].dtype);
    const auto row = static_cast<std::uint64_t>(job.batch * job.most_states());
    ways_ = take(row * (gradient ? static_cast<std::uint64_t>(job.time) : 2) * element);
    if (!gradient) return;
    on_ = take(row * 2 * element);
    links_ = take(static_cast<std::uint64_t>(job.batch * job.most) * sizeof(ctc::Link));
    sloped_ = take(static_cast<std::uint64_t>(job.batch) * sizeof(Index));
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[ctc] the plan's workspace is missing");
    const auto whole = [&](int i) { return reinterpret_cast<const std::int64_t*>(address(in[i])); };
    ctc::Places at{address(in[0]), whole(1), whole(2), whole(3), address(out[0]), nullptr, nullptr, nullptr, nullptr};
    at.ways = workspace + ways_;
    if (gradient_) {
      at.on = workspace + on_;
      at.links = reinterpret_cast<ctc::Link*>(workspace + links_), at.sloped = reinterpret_cast<Index*>(workspace + sloped_);
    }
    return device.check(launch_ctc(gradient_, type_, ctc::size_for(job_.most_states()), job_, at, device.next_run(s), s.handle),
                        "CTC can't be launched", e);
  }

 private:
  std::uint64_t take(std::uint64_t bytes) {
    const std::uint64_t place = workspace_bytes;
    workspace_bytes += aligned(bytes);
    return place;
  }

  bool gradient_;
  ctc::Type type_;
  ctc::Job job_;
  std::uint64_t ways_ = 0, on_ = 0, links_ = 0, sloped_ = 0;  // where they begin in workspace
};

// Such that bytes of workspace can be counted.
void check_limits(const ctc::Job& j) {
  constexpr std::int64_t limit = std::int64_t{1} << 48;
  std::int64_t states = 1;
  for (const std::int64_t n : {j.batch, j.most + 1, j.time + 1}) {
    if (n > limit / states)
      unsupported("[ctc] 2^48 states and more are not for these kernels: (" + text(j.time) + ", " + text(j.batch) + ") by " + text(j.most) +
                  " labels");
    if (n > 0) states *= n;
  }
}

}  // namespace

PlanPtr make_ctc(const Request& r) {
  const auto op = descriptor<mu_op_ctc>(r, "ctc");
  if (op.kind > MU_CTC_GRADIENT) unsupported("[ctc] kind " + text(op.kind) + " is not known here");
  require_views(r, 4, 1, "ctc");
  const bool gradient = op.kind == MU_CTC_GRADIENT;
  const mu_tensor &logs = r.in[0], &labels = r.in[1], &out = r.out[0];
  if (logs.dtype != MU_F32 && logs.dtype != MU_F64) unsupported("[ctc] float32 and float64 only");
  if (logs.rank != 3) invalid("[ctc] log-probabilities are (time, batch, classes): " + dims_text(logs));
  if (op.blank < 0 || op.blank >= logs.dim[2]) invalid("[ctc] the blank is no class: " + text(op.blank));
  for (int i = 1; i < 4; ++i)
    if (r.in[i].dtype != MU_I64 || r.in[i].rank != (i == 1 ? 2 : 1) || r.in[i].dim[0] != logs.dim[1])
      invalid("[ctc] labels (batch, most) and numbers (batch) are I64: " + dims_text(r.in[i]));
  if (out.dtype != logs.dtype) invalid("[ctc] element types differ");
  require_dims("ctc", out, gradient ? logs : r.in[2]);
  for (std::uint32_t i = 0; i < 5; ++i)
    if (!is_contiguous(i < 4 ? r.in[i] : out)) invalid("[ctc] views are dense and row-major");
  const ctc::Job job{logs.dim[0], logs.dim[1], logs.dim[2], labels.dim[1], op.blank};
  check_limits(job);
  return std::make_unique<Ctc>(r, gradient, job);
}

}  // namespace mushin::cuda
