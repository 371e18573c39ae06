// POOL, by the plugin's own kernels.
#include <algorithm>
#include <string>

#include "indexing.hpp"
#include "plan.hpp"
#include "pool_kernels.hpp"

namespace mushin::cuda {
namespace {

bool is_backward(std::uint32_t kind) { return kind == MU_POOL_MAX_BACKWARD || kind == MU_POOL_MEAN_BACKWARD; }

/// The views of x, of y or dy, and of what is made in x's dims: x where that is y.
struct PoolViews {
  const mu_tensor &x, &y, &dx;
};
PoolViews views_of(const Request& r, std::uint32_t kind) {
  if (!is_backward(kind)) return {r.in[0], r.out[0], r.in[0]};
  return {kind == MU_POOL_MAX_BACKWARD ? r.in[0] : r.out[0], r.in[r.n_in - 1], r.out[0]};
}

class Pool final : public mu_plan {
 public:
  Pool(const Request& r, const mu_op_pool& op, PoolType type)
      : mu_plan(r.device), kind_(op.kind), type_(type), windows_(windows(r, op, is_backward(op.kind))) {
    specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    if (kind_ != MU_POOL_MAX_BACKWARD || !finds_first(windows_)) return;
    find_ = windows(r, op, false);
    workspace_bytes = aligned(static_cast<std::uint64_t>(find_.count) * sizeof(int));
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[pool] the plan's workspace is missing");
    PoolPlaces at{address(in[0]), nullptr, nullptr, address(out[0])};
    PoolPass pass = kind_ == MU_POOL_MAX ? PoolPass::max : PoolPass::mean;
    cudaError_t status = cudaSuccess;
    if (kind_ == MU_POOL_MEAN_BACKWARD) {
      pass = PoolPass::mean_backward, at.x = nullptr, at.dy = address(in[0]);
    } else if (kind_ == MU_POOL_MAX_BACKWARD) {
      pass = workspace_bytes ? PoolPass::max_backward_of_found : PoolPass::max_backward, at.dy = address(in[1]);
      if (workspace_bytes) status = launch_pool(PoolPass::find, type_, find_, {at.x, nullptr, nullptr, workspace}, s.handle);
      at.found = reinterpret_cast<const int*>(workspace);
    }
    if (status == cudaSuccess) status = launch_pool(pass, type_, windows_, at, s.handle);
    return device.check(status, "windows can't be launched", e);
  }

 private:
  static Windows windows(const Request& r, const mu_op_pool& op, bool of_x) {
    const PoolViews v = views_of(r, op.kind);
    return windows_of(op, v.x, v.y, v.dx, of_x);
  }

  std::uint32_t kind_;
  PoolType type_;
  Windows windows_;
  Windows find_;  // of the pass before
};

std::string text(std::int64_t n) { return std::to_string(n); }

void check_numbers(const mu_op_pool& op, int axes) {
  if (op.flags & ~MU_POOL_COUNT_PADDING) unsupported("[pool] flags " + text(op.flags) + " are not known here");
  for (int i = 0; i < 3; ++i) {
    const std::string axis = "axis " + text(i);
    if (i >= axes) {
      if (op.window[i] || op.stride[i] || op.dilation[i] || op.before[i] || op.after[i])
        invalid("[pool] numbers for " + axis + " of " + text(axes));
      continue;
    }
    if (op.window[i] == 0 || op.stride[i] == 0 || op.dilation[i] == 0)
      invalid("[pool] window, stride and dilation are at least 1: " + axis + " has " + text(op.window[i]) + ", " + text(op.stride[i]) +
              " and " + text(op.dilation[i]));
    if (op.dilation[i] != 1 && op.kind >= MU_POOL_MEAN) invalid("[pool] means have dilation 1: " + axis + " has " + text(op.dilation[i]));
  }
}

// Numbers of elements have 31 bits, those of places 30, so that the sum of two has 31.
void check_limits(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
  constexpr std::int64_t limit = std::int64_t{1} << 30;
  if (count_of(x) >= 2 * limit || count_of(y) >= 2 * limit)
    unsupported("[pool] views of 2^31 elements and more are not for these kernels: " + dims_text(x) + " to " + dims_text(y));
  for (int i = 0; i < x.rank - 2; ++i) {
    const auto reach = [&](std::int64_t steps, std::int64_t each) {
      if (each >= limit / std::max<std::int64_t>(steps, 1))
        unsupported("[pool] windows over 2^30 places and more are not for these kernels: axis " + text(i) + " has " + text(steps) +
                    " steps of " + text(each));
    };
    reach(1, op.before[i] + x.dim[i + 2] + op.after[i]);
    reach(y.dim[i + 2] - 1, op.stride[i]);
    reach(std::int64_t{op.window[i]} - 1, op.dilation[i]);
  }
}

void check_inside(const Windows& w, const std::string& dims) {
  for (const PoolAxis& a : w.axis) {
    const auto empty = [&](int p) { invalid("[pool] window " + text(p) + " of " + text(a.outputs) + " has nothing inside of x: " + dims); };
    // From the first that begins inside of x to the first behind x none is empty.
    const int inside = std::min(steps_to(a.before, a.stride), a.outputs), behind = steps_to(a.before + a.size, a.stride);
    for (int p = 0; p < inside; ++p)
      if (taps_of(a, p).count() == 0) empty(p);
    if (behind < a.outputs) empty(behind);
  }
}

PoolType type_of(const mu_tensor& v) {
  switch (v.dtype) {
    case MU_F32:
      return PoolType::f32;
    case MU_F64:
      return PoolType::f64;
    case MU_F16:
      return PoolType::f16;
    case MU_BF16:
      return PoolType::bf16;
    default:
      unsupported(std::string("[pool] float types only, not ") + program::name_of(program::type_of(v.dtype)));
  }
}

}  // namespace

PlanPtr make_pool(const Request& r) {
  const auto op = descriptor<mu_op_pool>(r, "pool");
  if (op.kind > MU_POOL_MEAN_BACKWARD) unsupported("[pool] kind " + text(op.kind) + " is not known here");
  require_views(r, op.kind == MU_POOL_MAX_BACKWARD ? 2 : 1, 1, "pool");
  const auto [x, y, dx] = views_of(r, op.kind);
  const std::string dims = dims_text(x) + " to " + dims_text(y);
  if (x.rank < 3 || x.rank > 5 || y.rank != x.rank) invalid("[pool] all views have one rank, 3 to 5: " + dims);
  check_numbers(op, x.rank - 2);
  if (x.dim[0] != y.dim[0] || x.dim[1] != y.dim[1]) invalid("[pool] batch and channels differ: " + dims);
  require_dims("pool", x, dx);
  if (x.dtype != y.dtype || x.dtype != dx.dtype) invalid("[pool] element types differ");
  const PoolType type = type_of(x);
  check_limits(op, x, y);
  if (op.kind < MU_POOL_MEAN && count_of(y) != 0) check_inside(windows_of(op, x, y, dx, false), dims);
  return std::make_unique<Pool>(r, op, type);
}

}  // namespace mushin::cuda
