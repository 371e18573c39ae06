// The greatest of each window of images in this device's blocks, and the gradient: oneDNN's own drops NaN.
#include <algorithm>

#include "greatest_kernels.hpp"
#include "image_order.hpp"
#include "plan.hpp"

namespace onednn {
namespace {

// A worker is worth its hand-over from about so many elements on.
constexpr std::int64_t worker_elements = 1 << 15;

class Greatest final : public mu_plan {
 public:
  Greatest(const GreatestWindows& windows, std::int64_t planes, bool backward)
      : windows_(windows), planes_(planes), backward_(backward), kernels_(greatest_kernels(block_channels())) {
    for (std::size_t i = 0; i < windows.x.size(); ++i) x_elements_ *= windows.x[i], y_elements_ *= windows.y[i];
  }

  mu_code run(const mu_tensor* in, const mu_tensor* out, char*, mu_error*) const noexcept override {
    const float *const x = address(in[0]), *const dy = backward_ ? address(in[1]) : nullptr;
    float* const to = address(out[0]);
    auto range = [&](std::uint64_t begin, std::uint64_t end) {
      for (auto i = static_cast<std::int64_t>(begin); i < static_cast<std::int64_t>(end); ++i)
        if (backward_)
          kernels_.backward(windows_, x + i * x_elements_, dy + i * y_elements_, to + i * x_elements_);
        else
          kernels_.forward(windows_, x + i * x_elements_, to + i * y_elements_);
    };
    const auto grain = static_cast<std::uint64_t>(std::max<std::int64_t>(1, worker_elements / x_elements_));
    parallel_for(static_cast<std::uint64_t>(planes_), grain, range);
    return MU_OK;
  }

 private:
  GreatestWindows windows_;
  std::int64_t planes_, x_elements_ = block_channels(), y_elements_ = block_channels();
  bool backward_;
  const GreatestKernels& kernels_;
};

GreatestWindows windows_of(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
  GreatestWindows g{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {}};
  const std::size_t missing = 5u - x.rank;
  for (std::size_t i = 0; i + missing < 3; ++i) {
    const std::size_t axis = i + missing;
    g.x[axis] = x.dim[i + 2], g.y[axis] = y.dim[i + 2];
    g.window[axis] = op.window[i], g.stride[axis] = op.stride[i], g.dilation[axis] = op.dilation[i], g.before[axis] = op.before[i];
    if (op.window[i] < 1 || op.stride[i] < 1 || op.dilation[i] < 1)
      throw Refusal{MU_INVALID, "[onednn pool] windows, strides and dilations are positive"};
    const std::int64_t last = (g.y[axis] - 1) * g.stride[axis] - g.before[axis];
    if (g.before[axis] > (g.window[axis] - 1) * g.dilation[axis] || last >= g.x[axis])
      throw Refusal{MU_INVALID, "[onednn pool] a window has nothing inside"};
  }
  return g;
}

bool takes(const mu_tensor& v) {
  return lies_in(v, Order::blocks) || (v.layout == MU_LAYOUT_ANY && can_be_blocks(v) && lies_in(v, Order::plain));
}

}  // namespace

std::unique_ptr<mu_plan> make_greatest(const Request& r, const mu_op_pool& op) {
  const bool backward = op.kind == MU_POOL_MAX_BACKWARD;
  if (r.n_in != (backward ? 2u : 1u) || r.n_out != 1) throw Refusal{MU_INVALID, "[onednn pool] wrong number of operands"};
  const mu_tensor &x = r.in[0], &y = backward ? r.in[1] : r.out[0];
  require(x.layout == MU_LAYOUT_OPAQUE || (backward && y.layout == MU_LAYOUT_OPAQUE),
          "[onednn pool] the builtin kernel is for strided images; oneDNN's greatest drops NaN");
  if (x.rank != y.rank || x.dim[0] != y.dim[0] || x.dim[1] != y.dim[1] || (backward && !std::equal(x.dim, x.dim + x.rank, r.out[0].dim)))
    throw Refusal{MU_INVALID, "[onednn pool] operands differ in batch, channels or extents"};
  for (std::uint32_t i = 0; i < r.n_in; ++i) require(takes(r.in[i]), "[onednn pool] images lie in blocks");
  require(takes(r.out[0]) && elements(y) > 0, "[onednn pool] images lie in blocks");
  auto plan = std::make_unique<Greatest>(windows_of(op, x, y), x.dim[0] * x.dim[1] / block_channels(), backward);
  for (std::uint32_t i = 0; i < r.n_in; ++i)
    if (r.in[i].layout == MU_LAYOUT_ANY) plan->blocks |= 1u << i;
  plan->blocks |= 1u << r.n_in;
  return plan;
}

}  // namespace onednn
