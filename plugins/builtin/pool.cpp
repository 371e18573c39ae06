// POOL: planes of any strides and float type, brought to dense ones where they are not, and shared out to the host's threads.
#include "pool.hpp"

#include <atomic>
#include <new>

#include "kernels.hpp"
#include "strided.hpp"

namespace mushin::builtin {
namespace {

PoolGeometry geometry_of(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
  PoolGeometry g;
  const int missing = 5 - x.rank;
  for (int i = 0; i < 3; ++i) {
    g.axis[i] = {1, 1, 1, 1, 1, 0, 0, false};
    if (i < missing) continue;
    const int from = i - missing;
    g.axis[i] = {x.dim[from + 2],   y.dim[from + 2], op.window[from], op.stride[from],
                 op.dilation[from], op.before[from], op.after[from],  (op.flags & MU_POOL_COUNT_PADDING) != 0};
  }
  return g;
}

// A view's planes, as dense ones of T. T: what the elements are computed in.
template <class T>
class Planes {
 public:
  Planes(const mu_tensor& v, int room, int raw) : v_(v), type_(type_of(v.dtype)), bytes_(bytes_of(type_)), room_(room), raw_(raw) {
    mu_tensor sizes;
    sizes.rank = static_cast<std::uint16_t>(v.rank - 2);
    for (int i = 2; i < v.rank; ++i) sizes.dim[i - 2] = v.dim[i], sizes.stride[i - 2] = v.stride[i];
    const mu_tensor* const views[] = {&sizes};
    collapse(sizes, 1, views, axes_, &strides_);
    count_ = count_of(sizes);
    dense_ = count_ == 0 || (bytes_ == sizeof(T) && (axes_.rank == 0 || (axes_.rank == 1 && strides_.of[0] == 1)));
  }
  /// The plane where it lies, or a copy.
  const T* read(std::int64_t i) const {
    if (dense_) return reinterpret_cast<const T*>(base(i));
    T* const to = room();
    if (bytes_ == sizeof(T)) {
      take(to, base(i), bytes_, axes_, strides_, 0, count_);
      return to;
    }
    void* const narrow = scratch(raw_, static_cast<std::size_t>(count_) * bytes_);
    take(narrow, base(i), bytes_, axes_, strides_, 0, count_);
    cast_table().cast[static_cast<int>(type_)][0](to, narrow, nullptr, nullptr, static_cast<std::size_t>(count_));
    return to;
  }
  T* place(std::int64_t i) const { return dense_ ? reinterpret_cast<T*>(base(i)) : room(); }
  void write(std::int64_t i, const T* from) const {
    if (dense_) return;
    if (bytes_ == sizeof(T)) return put(base(i), from, bytes_, axes_, strides_, 0, count_);
    void* const narrow = scratch(raw_, static_cast<std::size_t>(count_) * bytes_);
    cast_table().cast[0][static_cast<int>(type_)](narrow, from, nullptr, nullptr, static_cast<std::size_t>(count_));
    put(base(i), narrow, bytes_, axes_, strides_, 0, count_);
  }

 private:
  char* base(std::int64_t i) const {
    const std::int64_t at = i / v_.dim[1] * v_.stride[0] + i % v_.dim[1] * v_.stride[1];
    return address(v_) + at * static_cast<std::int64_t>(bytes_);
  }
  T* room() const { return static_cast<T*>(scratch(room_, static_cast<std::size_t>(count_) * sizeof(T))); }

  const mu_tensor& v_;
  Type type_;
  std::size_t bytes_;
  int room_, raw_;
  Axes axes_;
  Strides strides_;
  std::int64_t count_;
  bool dense_;
};

template <class T>
struct Pool final : mu_plan {
  Pool(const mu_op_pool& o, const PoolKernels<T>& k, const FoldTable& f) : op(o), kernels(k), fold(f) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const bool forward = op.kind == MU_POOL_MAX || op.kind == MU_POOL_MEAN;
    PoolGeometry g = forward ? geometry_of(op, in[0], out[0]) : geometry_of(op, out[0], in[n_in - 1]);
    g.merge();
    if ((forward ? g.outputs() : g.inputs()) == 0) return MU_OK;
    const std::int64_t work = g.inputs() + g.outputs() * least(g.taps(), 64);
    std::vector<std::int64_t> offset;
    std::atomic<bool> no_memory{false};
    try {
      if (op.kind == MU_POOL_MAX_BACKWARD) offset = g.offsets();
    } catch (const std::bad_alloc&) {
      return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[pool] no memory for a window");
    }
    parallel(out[0].dim[0] * out[0].dim[1], most(1, 32768 / work), [&](std::int64_t i, std::int64_t end) {
      try {
        planes(g, offset.data(), in, out[0], i, end);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[pool] no memory for a plane") : MU_OK;
  }

  void planes(const PoolGeometry& g, const std::int64_t* offset, const mu_tensor* in, const mu_tensor& out, std::int64_t i,
              std::int64_t end) const {
    const PoolPlane<T> plane{g, kernels, fold};
    const Planes<T> a(in[0], scratch_a, scratch_wide_a), b(in[n_in - 1], scratch_b, scratch_wide_a),
        to(out, scratch_product, scratch_wide_a);
    T* const room = static_cast<T*>(scratch(scratch_line, static_cast<std::size_t>(g.room()) * sizeof(T)));
    for (; i < end; ++i) {
      T* const result = to.place(i);
      switch (op.kind) {
        case MU_POOL_MAX:
          plane.max(result, a.read(i), room);
          break;
        case MU_POOL_MAX_BACKWARD:
          plane.max_backward(result, a.read(i), b.read(i), offset, room);
          break;
        case MU_POOL_MEAN:
          plane.mean(result, a.read(i), room);
          break;
        default:
          plane.mean_backward(result, a.read(i), room);
      }
      to.write(i, result);
    }
  }

  mu_op_pool op;
  const PoolKernels<T>& kernels;
  const FoldTable& fold;
};

std::string text(std::int64_t n) { return std::to_string(n); }

void check_numbers(const mu_op_pool& op, int axes) {
  const bool mean = op.kind >= MU_POOL_MEAN;
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
    if (mean && op.dilation[i] != 1) invalid("[pool] means have dilation 1: " + axis + " has " + text(op.dilation[i]));
  }
}

void check_dims(const mu_op_pool& op, const mu_tensor& x, const mu_tensor& y) {
  const std::string dims = dims_text(x) + " to " + dims_text(y);
  if (x.rank < 3 || x.rank > 5 || y.rank != x.rank) invalid("[pool] all views have one rank, 3 to 5: " + dims);
  check_numbers(op, x.rank - 2);
  if (x.dim[0] != y.dim[0] || x.dim[1] != y.dim[1]) invalid("[pool] batch and channels differ: " + dims);
  if (op.kind >= MU_POOL_MEAN || count_of(y) == 0) return;
  for (const PoolAxis& a : geometry_of(op, x, y).axis)
    for (std::int64_t p = 0; p < a.outputs; ++p)
      if (a.taps(p).empty()) invalid("[pool] window " + text(p) + " of " + text(a.outputs) + " has nothing inside of x: " + dims);
}

}  // namespace

PlanPtr plan_pool(const mu_op_pool& op, const Views& v) {
  const Type t = checked_type(v.out[0], "[pool] output");
  if (op.kind > MU_POOL_MEAN_BACKWARD) unsupported("[pool] kind " + text(op.kind) + " is not known here");
  if (v.n_in != (op.kind == MU_POOL_MAX_BACKWARD ? 2u : 1u)) invalid("[pool] takes one input, the gradient of the greatest two");
  for (std::uint32_t i = 0; i < v.n_in; ++i)
    if (checked_type(v.in[i], "[pool] input") != t) invalid("[pool] element types differ");
  const bool forward = op.kind == MU_POOL_MAX || op.kind == MU_POOL_MEAN;
  check_dims(op, forward ? v.in[0] : v.out[0], forward ? v.out[0] : v.in[v.n_in - 1]);
  if (op.kind == MU_POOL_MAX_BACKWARD) require_equal_dims(v.in[0], v.out[0], "[pool] x and its gradient");
  double taps = 1;  // numbered in float
  for (std::uint32_t w : op.window) taps *= w ? w : 1;
  if (op.kind == MU_POOL_MAX_BACKWARD && taps > 0x1p24)
    unsupported("[pool] a window of " + std::to_string(taps) + " elements is too large");
  if (computed(t) == Type::f32) return std::make_unique<Pool<float>>(op, pool_f32(), fold_table(0));
  if (t == Type::f64) return std::make_unique<Pool<double>>(op, pool_f64(), fold_table(1));
  unsupported(std::string("[pool] float types only, not ") + name_of(t));
}

}  // namespace mushin::builtin
