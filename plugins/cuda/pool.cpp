// POOL by cuDNN, for dense operands: greatest values and means of windows, and the means' gradient.
#include <string>

#include "dense.hpp"
#include "dnn.hpp"

namespace mushin::cuda {
namespace {

class Pool final : public DensePlan {
 public:
  /// `x` and `y` as of the forward op, whichever of them is made.
  Pool(const Request& r, const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y)
      : DensePlan(r, 1, nullptr, "[pool]"),
        backward_(op.kind == MU_POOL_MEAN_BACKWARD),
        factors_(x.dtype),
        lib_(device.dnn_handle.open(device)),
        x_(device, lib_.tensor_create, lib_.tensor_destroy),
        y_(device, lib_.tensor_create, lib_.tensor_destroy),
        pool_(device, lib_.pool_create, lib_.pool_destroy) {
    if (!is_empty() && count_of(r.out[0]) != 0) describe(op, x, y);
  }

 protected:
  mu_code compute(mu_stream& s, const char* const* from, char* to, char*, mu_error* e) override {
    const dnn::Status status = device.dnn_handle.use(s.handle, [&](void* handle) {
      if (!backward_) return lib_.pool_forward(handle, pool_.get(), factors_.one(), x_.get(), from[0], factors_.zero(), y_.get(), to);
      // A mean's gradient doesn't depend on x and y, which cuDNN wants to be told none the less.
      return lib_.pool_backward(handle, pool_.get(), factors_.one(), y_.get(), from[0], y_.get(), from[0], x_.get(), to, factors_.zero(),
                                x_.get(), to);
    });
    return dnn::check(device, status, "[pool] cuDNN refused windows", e);
  }

 private:
  void describe(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
    const int type = dnn::type_of(x.dtype), axes = x.rank - 2;
    const dnn::Sizes from = dnn::sizes_of(x, "[pool]"), to = dnn::sizes_of(y, "[pool]");
    int window[3], padding[3], stride[3], given[MU_MAX_RANK] = {};
    dnn::spread(op.window, axes, 1, window, "[pool]"), dnn::spread(op.stride, axes, 1, stride, "[pool]");
    dnn::spread(op.before, axes, 0, padding, "[pool]");
    const int mode = op.kind == MU_POOL_MAX                    ? dnn::pool_max
                     : (op.flags & MU_POOL_COUNT_PADDING) != 0 ? dnn::pool_mean_all
                                                               : dnn::pool_mean_inside;
    const auto require = [this](dnn::Status s) { dnn::require(device, s, "[pool] cuDNN takes no such windows"); };
    require(lib_.tensor_set(x_.get(), type, from.n, from.dim, from.stride));
    require(lib_.tensor_set(y_.get(), type, to.n, to.dim, to.stride));
    require(lib_.pool_set(pool_.get(), mode, dnn::propagate_nan, from.n - 2, window, padding, stride));
    require(lib_.pool_result(pool_.get(), x_.get(), from.n, given));
    dnn::require_result(to, given, "[pool]");
  }

  bool backward_;
  dnn::Factors factors_;
  const dnn::Library& lib_;
  dnn::Descriptor x_, y_, pool_;
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
    if (op.before[i] >= op.window[i])
      unsupported("[pool] cuDNN's windows are greater than their padding: " + axis + " has " + text(op.window[i]) + " and " +
                  text(op.before[i]));
    if (op.dilation[i] != 1) unsupported("[pool] cuDNN's windows have dilation 1: " + axis + " has " + text(op.dilation[i]));
  }
}

// cuDNN counts as much padding behind as before.
void check_counted(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
  if (op.kind == MU_POOL_MAX || !(op.flags & MU_POOL_COUNT_PADDING)) return;
  for (int i = 0; i < x.rank - 2; ++i) {
    const std::int64_t reach = (y.dim[i + 2] - 1) * op.stride[i] + op.window[i] - op.before[i];
    if (reach > x.dim[i + 2] + op.after[i])
      unsupported("[pool] windows reach beyond the padding that counts: to " + text(reach) + " of " + text(x.dim[i + 2]) + " and " +
                  text(op.after[i]));
  }
}

}  // namespace

PlanPtr make_pool(const Request& r) {
  const auto op = descriptor<mu_op_pool>(r, "pool");
  if (op.kind > MU_POOL_MEAN_BACKWARD) unsupported("[pool] kind " + text(op.kind) + " is not known here");
  // cuDNN doesn't say which of equals gets the gradient; the boundary's is the first.
  if (op.kind == MU_POOL_MAX_BACKWARD) unsupported("[pool] cuDNN doesn't promise that the first of equals gets the gradient");
  require_views(r, 1, 1, "pool");
  const bool backward = op.kind == MU_POOL_MEAN_BACKWARD;
  const mu_tensor &x = backward ? r.out[0] : r.in[0], &y = backward ? r.in[0] : r.out[0];
  const std::string dims = dims_text(x) + " to " + dims_text(y);
  if (x.rank < 3 || x.rank > 5 || y.rank != x.rank) invalid("[pool] all views have one rank, 3 to 5: " + dims);
  check_numbers(op, x.rank - 2);
  if (x.dim[0] != y.dim[0] || x.dim[1] != y.dim[1]) invalid("[pool] batch and channels differ: " + dims);
  if (x.dtype != y.dtype) invalid("[pool] element types differ");
  // It may fail with others when it runs, which is too late.
  if (x.dtype != MU_F32 && x.dtype != MU_F64 && x.dtype != MU_F16) unsupported("[pool] is for float32, float64 and float16");
  check_counted(op, x, y);
  r.device.dnn_handle.open(r.device);  // before anything is compiled
  return std::make_unique<Pool>(r, op, x, y);
}

}  // namespace mushin::cuda
