// NORMALIZE, line by line along the last axis; a line stays in cache between its passes.
#include "normalize_kernels.hpp"

#include <algorithm>
#include <atomic>
#include <new>

#include "normalize.hpp"

namespace mushin::builtin {
namespace {

// A view's lines, read or written as dense ones.
template <class T>
struct Rows {
  T* first;
  std::int64_t row, step, n;

  explicit Rows(const mu_tensor& v) : first(reinterpret_cast<T*>(address(v))) {
    const bool two = v.rank == 2;
    row = two ? v.stride[0] : 0, step = v.stride[v.rank - 1], n = v.dim[v.rank - 1];
    if (n == 1) step = 1;
  }
  T* at(std::int64_t i) const { return first + i * row; }
  /// The line where it lies, or a copy of it in `room`.
  const T* read(std::int64_t i, T* room) const {
    if (step == 1) return at(i);
    for (std::int64_t k = 0; k < n; ++k) room[k] = at(i)[k * step];
    return room;
  }
  T* place(std::int64_t i, T* room) const { return step == 1 ? at(i) : room; }
  void write(std::int64_t i, const T* line) const {
    if (step == 1) return;
    for (std::int64_t k = 0; k < n; ++k) at(i)[k * step] = line[k];
  }
};

template <class T>
struct Normalize final : mu_plan {
  Normalize(std::uint32_t k, double e, const NormalizeKernels<T>& f) : kind(k), eps(e), kernels(f) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    std::atomic<bool> no_memory{false};
    try {
      if (kind == MU_NORMALIZE_LAYER || kind == MU_NORMALIZE_RMS)
        forward(in, out[0], no_memory);
      else
        backward(in, out, no_memory);
    } catch (const std::bad_alloc&) {
      no_memory = true;
    }
    return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[normalize] no memory for a line") : MU_OK;
  }

  static T* room(int which, std::int64_t count) { return static_cast<T*>(scratch(which, static_cast<std::size_t>(count) * sizeof(T))); }
  // f(begin, end, room for three lines), on the host's threads.
  template <class F>
  static void lines(std::int64_t rows, std::int64_t grain, std::int64_t n, std::atomic<bool>& no_memory, const F& f) {
    parallel(rows, grain, [&](std::int64_t begin, std::int64_t end) {
      try {
        f(begin, end, room(scratch_line, 3 * n));
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
  }

  void forward(const mu_tensor* in, const mu_tensor& out, std::atomic<bool>& no_memory) const {
    const Rows<T> x(in[0]), y(out);
    const std::int64_t n = x.n;
    T* const parameters = room(scratch_partial, 2 * n);
    const T *gain = Rows<T>(in[1]).read(0, parameters), *bias = of_layers() ? Rows<T>(in[2]).read(0, parameters + n) : nullptr;
    lines(n ? in[0].dim[0] : 0, most(1, 16384 / most(1, n)), n, no_memory, [&](std::int64_t i, std::int64_t end, T* line) {
      for (; i < end; ++i) {
        T* const to = y.place(i, line);
        if (bias)
          kernels.layer(to, x.read(i, line + n), gain, bias, n, eps);
        else
          kernels.rms(to, x.read(i, line + n), gain, n, eps);
        y.write(i, to);
      }
    });
  }

  // Each chunk of lines sums up its part of dgain and dbias. The chunks' borders depend on the sizes alone.
  static constexpr std::int64_t most_chunks = 64;
  void backward(const mu_tensor* in, const mu_tensor* out, std::atomic<bool>& no_memory) const {
    const Rows<T> x(in[0]), dy(in[2]), dx(out[0]), dgain(out[1]);
    const std::int64_t n = x.n, rows = in[0].dim[0];
    const std::int64_t grain = most(most(1, 16384 / most(1, n)), (rows + most_chunks - 1) / most_chunks);
    const std::int64_t chunks = most(1, (rows + grain - 1) / grain), pitch = 2 * n + 64;
    T* const parameters = room(scratch_partial, n + chunks * pitch);
    T* const parts = parameters + n;
    const T* gain = Rows<T>(in[1]).read(0, parameters);
    std::fill(parts, parts + 2 * n, T{0});
    lines(n ? rows : 0, grain, n, no_memory, [&](std::int64_t i, std::int64_t end, T* line) {
      T* const part = parts + i / grain * pitch;
      std::fill(part, part + 2 * n, T{0});
      for (; i < end; ++i) {
        T* const to = dx.place(i, line);
        const T *from = x.read(i, line + n), *given = dy.read(i, line + 2 * n);
        if (of_layers())
          kernels.layer_backward(to, part, part + n, from, gain, given, n, eps);
        else
          kernels.rms_backward(to, part, from, gain, given, n, eps);
        dx.write(i, to);
      }
    });
    for (std::int64_t k = 1; k < chunks; ++k) kernels.add(parts, parts + k * pitch, 2 * n);
    for (std::int64_t k = 0; k < n; ++k) dgain.first[k * dgain.step] = parts[k];
    if (!of_layers()) return;
    const Rows<T> dbias(out[2]);
    for (std::int64_t k = 0; k < n; ++k) dbias.first[k * dbias.step] = parts[n + k];
  }
  bool of_layers() const { return kind <= MU_NORMALIZE_LAYER_BACKWARD; }

  std::uint32_t kind;
  double eps;
  const NormalizeKernels<T>& kernels;
};

}  // namespace

PlanPtr plan_normalize(const mu_op_normalize& op, const Views& v) {
  if (op.kind == MU_NORMALIZE_BATCH || op.kind == MU_NORMALIZE_BATCH_BACKWARD) return plan_batch_norm(op, v);
  const Type t = checked_type(v.in[0], "[normalize] x");
  if (op.kind > MU_NORMALIZE_RMS_BACKWARD) unsupported("[normalize] kind " + std::to_string(op.kind) + " is not known here");
  const bool rms = op.kind >= MU_NORMALIZE_RMS, back = op.kind == MU_NORMALIZE_LAYER_BACKWARD || op.kind == MU_NORMALIZE_RMS_BACKWARD;
  const std::uint32_t parameters = rms ? 1 : 2;
  if (v.n_out != (back ? 1 + parameters : 1u)) invalid("[normalize] gives one output, backward one more for each parameter");
  if (v.n_in != (back ? 3u : 1 + parameters)) invalid("[normalize] takes x and the parameters, backward x, gain and dy");
  if (v.in[0].rank != 2) invalid("[normalize] x has two axes: " + dims_text(v.in[0]));
  const auto check = [&](const mu_tensor& view, bool line) {
    if (checked_type(view, "[normalize] operand") != t) invalid("[normalize] element types differ");
    if (!line) return require_equal_dims(view, v.in[0], "[normalize] operand and x");
    if (view.rank != 1 || view.dim[0] != v.in[0].dim[1]) invalid("[normalize] a parameter is not along the last axis: " + dims_text(view));
  };
  for (std::uint32_t i = 1; i < v.n_in; ++i) check(v.in[i], !back || i == 1);
  for (std::uint32_t i = 0; i < v.n_out; ++i) check(v.out[i], i != 0);
  if (t == Type::f32) return std::make_unique<Normalize<float>>(op.kind, op.eps, normalize_f32());
  if (t == Type::f64) return std::make_unique<Normalize<double>>(op.kind, op.eps, normalize_f64());
  unsupported("[normalize] float32 and float64 only");
}

}  // namespace mushin::builtin
