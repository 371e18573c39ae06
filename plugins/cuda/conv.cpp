// CONV by cuDNN, for dense operands: its algorithm is chosen with the plan.
#include <span>
#include <string>

#include "dense.hpp"
#include "dnn.hpp"

namespace mushin::cuda {
namespace {

constexpr int most_choices = 16;
// Those of cuDNN's that sum the products themselves. Transforms (FFT, Winograd) spread a NaN or an infinity to sums that don't hold it,
// and have larger errors.
constexpr unsigned plain_algorithms[] = {0b1111, 0b11, 0b1011};  // by kind

/// x, w and y of the request, whichever of them is made.
struct Triple {
  const mu_tensor &x, &w, &y;
};
Triple triple_of(const Request& r, std::uint32_t kind) {
  if (kind == MU_CONV_FORWARD) return {r.in[0], r.in[1], r.out[0]};
  return kind == MU_CONV_BACKWARD_DATA ? Triple{r.out[0], r.in[1], r.in[0]} : Triple{r.in[0], r.out[0], r.in[1]};
}

std::string text_of(const Triple& t) { return dims_text(t.x) + " with " + dims_text(t.w) + " to " + dims_text(t.y); }

class Conv final : public DensePlan {
 public:
  Conv(const Request& r, const mu_op_conv& op)
      : DensePlan(r, op.epilogue),
        kind_(op.kind),
        factors_(op.acc),
        lib_(device.dnn_handle.open(device)),
        x_(device, lib_.tensor_create, lib_.tensor_destroy),
        w_(device, lib_.filter_create, lib_.filter_destroy),
        y_(device, lib_.tensor_create, lib_.tensor_destroy),
        conv_(device, lib_.conv_create, lib_.conv_destroy) {
    const Triple t = triple_of(r, op.kind);
    if (is_empty() || count_of(r.out[0]) == 0) return;
    describe(op, t);
    choose(op, t, r.ordered);
  }

 protected:
  mu_code compute(mu_stream& s, const char* const* from, char* to, char* workspace, mu_error* e) override {
    const int first = kind_ == MU_CONV_BACKWARD_DATA ? 1 : 0;  // cuDNN has the weights first
    const dnn::Status status = device.dnn_handle.use(s.handle, [&](void* handle) {
      const Descriptors d = descriptors();
      return lib_.conv[kind_].run(handle, factors_.one(), d.a, from[first], d.b, from[1 - first], conv_.get(), algorithm_,
                                  bytes_ ? workspace + place_ : nullptr, bytes_, factors_.zero(), d.result, to);
    });
    return dnn::check(device, status, "[conv] cuDNN refused a convolution", e);
  }

 private:
  struct Descriptors {
    void *a, *b, *result;
  };
  /// As cuDNN's functions take them.
  Descriptors descriptors() const {
    if (kind_ == MU_CONV_FORWARD) return {x_.get(), w_.get(), y_.get()};
    return kind_ == MU_CONV_BACKWARD_DATA ? Descriptors{w_.get(), y_.get(), x_.get()} : Descriptors{x_.get(), y_.get(), w_.get()};
  }

  void describe(const mu_op_conv& op, const Triple& t) {
    const int type = dnn::type_of(t.x.dtype), axes = t.x.rank - 2;
    const dnn::Sizes x = dnn::sizes_of(t.x), w = dnn::sizes_of(t.w), y = dnn::sizes_of(t.y);
    int padding[3], stride[3], dilation[3], given[MU_MAX_RANK] = {};
    dnn::spread(op.before, axes, 0, padding);
    dnn::spread(op.stride, axes, 1, stride), dnn::spread(op.dilation, axes, 1, dilation);
    const auto require = [this](dnn::Status s) { dnn::require(device, s, "[conv] cuDNN takes no such convolution"); };
    require(lib_.tensor_set(x_.get(), type, x.n, x.dim, x.stride)), require(lib_.tensor_set(y_.get(), type, y.n, y.dim, y.stride));
    require(lib_.filter_set(w_.get(), type, dnn::format_nchw, w.n, w.dim));
    require(lib_.conv_set(conv_.get(), x.n - 2, padding, stride, dilation, dnn::cross_correlation, dnn::type_of(op.acc)));
    require(lib_.conv_set_groups(conv_.get(), static_cast<int>(op.groups)));
    require(lib_.conv_result(conv_.get(), x_.get(), w_.get(), x.n, given));
    dnn::require_result(y, given);
  }

  // The first that the heuristic proposes, of those that may be taken.
  void choose(const mu_op_conv& op, const Triple& t, bool ordered) {
    const bool exact = t.x.dtype == MU_F32 && op.math != MU_MATH_TF32, half = op.acc != t.x.dtype;
    const int math = exact ? dnn::math_fma : half ? dnn::math_tensor_op : dnn::math_default;
    const Descriptors d = descriptors();
    dnn::Choice found[most_choices];
    int n = 0;
    const dnn::Status status = device.dnn_handle.use(device.default_stream.handle, [&](void* handle) {
      const dnn::Status s = lib_.conv_set_math(conv_.get(), math);
      return s != dnn::success ? s : lib_.conv[kind_].choose(handle, d.a, d.b, conv_.get(), d.result, most_choices, &n, found);
    });
    dnn::require(device, status, "[conv] cuDNN has no algorithm");
    for (const dnn::Choice& c : std::span(found, static_cast<std::size_t>(n)))
      if (may_take(c, ordered) && fits(c, exact)) return;
    unsupported("[conv] cuDNN has no algorithm of those that may be taken: " + text_of(t));
  }

  bool may_take(const dnn::Choice& c, bool ordered) const {
    return c.status == dnn::success && (plain_algorithms[kind_] >> c.algorithm & 1u) != 0 && c.math != dnn::math_conversion &&
           (c.deterministic || !ordered);
  }

  // Takes it where its workspace isn't too large. A proposal is for its own kind of math; FMA alone is exact.
  bool fits(const dnn::Choice& c, bool exact) {
    const Descriptors d = descriptors();
    std::size_t bytes = 0;
    const dnn::Status status = device.dnn_handle.use(device.default_stream.handle, [&](void* handle) {
      const dnn::Status s = exact ? dnn::success : lib_.conv_set_math(conv_.get(), c.math);
      return s != dnn::success ? s : lib_.conv[kind_].workspace(handle, d.a, d.b, conv_.get(), d.result, c.algorithm, &bytes);
    });
    if (status != dnn::success || bytes > device.properties.totalGlobalMem / 16) return false;
    algorithm_ = c.algorithm, deterministic = c.deterministic != 0;
    bytes_ = bytes, place_ = take(bytes);
    return true;
  }

  std::uint32_t kind_;
  dnn::Factors factors_;
  const dnn::Library& lib_;
  dnn::Descriptor x_, w_, y_, conv_;
  int algorithm_ = 0;
  std::uint64_t place_ = 0, bytes_ = 0;  // of the algorithm's workspace
};

std::string text(std::int64_t n) { return std::to_string(n); }

void check_numbers(const mu_op_conv& op, int axes) {
  if (op.groups == 0) invalid("[conv] there is at least one group");
  for (int i = 0; i < 3; ++i) {
    if (i < axes && (op.stride[i] == 0 || op.dilation[i] == 0))
      invalid("[conv] stride and dilation are at least 1: axis " + text(i) + " has " + text(op.stride[i]) + " and " + text(op.dilation[i]));
    if (i >= axes && (op.stride[i] || op.dilation[i] || op.before[i])) invalid("[conv] numbers for axis " + text(i) + " of " + text(axes));
  }
}

void check_dims(const mu_op_conv& op, const Triple& t) {
  const int rank = t.x.rank;
  if (rank < 3 || rank > 5 || t.w.rank != rank || t.y.rank != rank) invalid("[conv] all views have one rank, 3 to 5: " + text_of(t));
  check_numbers(op, rank - 2);
  if (t.x.dim[0] != t.y.dim[0]) invalid("[conv] batches differ: " + text_of(t));
  if (t.w.dim[0] != t.y.dim[1]) invalid("[conv] the outputs are the weights': " + text_of(t));
  if (t.w.dim[0] % op.groups != 0 || t.x.dim[1] != t.w.dim[1] * op.groups)
    invalid("[conv] channels do not fit " + text(op.groups) + " groups: " + text_of(t));
}

}  // namespace

PlanPtr make_conv(const Request& r) {
  const auto op = descriptor<mu_op_conv>(r, "conv");
  if (op.kind > MU_CONV_BACKWARD_WEIGHTS) unsupported("[conv] kind " + text(op.kind) + " is not known here");
  require_views(r, r.n_in < 2 ? 2 : r.n_in, 1, "conv");
  check_dims(op, triple_of(r, op.kind));
  const mu_dtype type = r.in[0].dtype;
  const auto name = [](mu_dtype t) { return std::string(program::name_of(program::type_of(t))); };
  if (r.in[1].dtype != type || (!op.epilogue && r.out[0].dtype != type))
    invalid("[conv] element types differ: " + name(type) + ", " + name(r.in[1].dtype) + " and " + name(r.out[0].dtype));
  const bool half = type == MU_F16 || type == MU_BF16;
  if (!half && type != MU_F32 && type != MU_F64) unsupported("[conv] float types only, not " + name(type));
  const mu_dtype sums = half ? MU_F32 : type;
  if (op.acc != sums) unsupported("[conv] sums of " + name(type) + " are made in " + name(sums) + ", in no other type");
  if (!op.epilogue && r.n_in != 2) invalid("[conv] has inputs for an epilogue, but none");
  if (op.epilogue && op.kind == MU_CONV_BACKWARD_WEIGHTS) invalid("[conv] the weights' gradient takes no epilogue");
  if (op.epilogue && (half || r.out[0].dtype != type)) unsupported("[conv] epilogues are from float32 or float64 to the same");
  r.device.dnn_handle.open(r.device);  // before anything is compiled
  return std::make_unique<Conv>(r, op);
}

}  // namespace mushin::cuda
