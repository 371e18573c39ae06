// NORMALIZE of channels, by the plugin's own kernels.
#include "indexing.hpp"
#include "plan.hpp"
#include "row_kernels.hpp"

namespace mushin::cuda {
namespace {

class BatchNorm final : public mu_plan {
 public:
  BatchNorm(const Request& r, ChannelType type, bool backward, double eps)
      : mu_plan(r.device), type_(type), backward_(backward), channels_(channels_of(r.in[0], backward ? r.in[2] : r.in[0], r.out[0])) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    channels_.eps = eps;
    const mu_tensor* values[] = {r.in + 1, backward ? r.in + 3 : r.in + 2, backward ? r.in + 4 : r.in + 2, r.out + 1, r.out + 2};
    for (int i = 0; i < Channels::values; ++i) channels_.value_step[i] = values[i]->stride[0];
    workspace_bytes = aligned(static_cast<std::uint64_t>(channels_.memory()) * (type == ChannelType::f32 ? sizeof(float) : sizeof(double)));
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[normalize] the plan's workspace is missing");
    const char *const dy = backward_ ? address(in[2]) : nullptr, *const a = address(in[backward_ ? 3 : 2]);
    const auto pass = [&](ChannelPass p) {
      return device.check(launch_channels(p, type_, channels_, address(in[0]), dy, a, address(out[0]), workspace, s.handle),
                          p == ChannelPass::spread || p == ChannelPass::sums ? "channels can't be summed" : "channels can't be computed",
                          e);
    };
    if (const mu_code code = pass(backward_ ? ChannelPass::sums : ChannelPass::spread); code != MU_OK) return code;
    const mu_code code = device.check(launch_finish(backward_, type_, channels_, workspace, address(in[1]), a,
                                                    backward_ ? address(in[4]) : nullptr, address(out[1]), address(out[2]), s.handle),
                                      "sums of channels can't be joined", e);
    return code == MU_OK ? pass(backward_ ? ChannelPass::slopes : ChannelPass::normalize) : code;
  }

 private:
  ChannelType type_;
  bool backward_;
  Channels channels_;
};

}  // namespace

PlanPtr make_batch_norm(const Request& r, const mu_op_normalize& op) {
  const bool backward = op.kind == MU_NORMALIZE_BATCH_BACKWARD;
  require_views(r, backward ? 5 : 3, 3, "normalize");
  const mu_tensor& x = r.in[0];
  if (x.rank != 3) invalid("[normalize] x has three axes where channels are normalized: " + dims_text(x));
  for (std::uint32_t i = 1; i < r.n_in + r.n_out; ++i) {
    const mu_tensor& v = i < r.n_in ? r.in[i] : r.out[i - r.n_in];
    if (v.dtype != x.dtype) invalid("[normalize] element types differ");
    if ((backward && i == 2) || i == r.n_in) {
      require_dims("normalize", v, x);
    } else if (v.rank != 1 || v.dim[0] != x.dim[1]) {
      invalid("[normalize] a parameter is not along the channels: " + dims_text(v) + " and " + dims_text(x));
    }
  }
  // The statistics are of x's type: 16 bits would be too few for them.
  if (x.dtype != MU_F32 && x.dtype != MU_F64) unsupported("[normalize] of channels is for float32 and float64");
  return std::make_unique<BatchNorm>(r, x.dtype == MU_F32 ? ChannelType::f32 : ChannelType::f64, backward, op.eps);
}

}  // namespace mushin::cuda
