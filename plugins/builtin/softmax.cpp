// SOFTMAX and its relatives, line by line along one axis.
#include <new>

#include "kernels.hpp"
#include "reduce_kernels.hpp"
#include "strided.hpp"

namespace mushin::builtin {
namespace {

// The steps of a line, for one element type.
template <class T>
struct Line {
  const OpTable& op;
  const FoldTable& fold;

  void apply(int row, int scalars, T* d, const T* a, const T* b, std::int64_t n) const {
    op.row[row].with_scalars[scalars](d, a, b, nullptr, static_cast<std::size_t>(n));
  }
  T sum(const T* p, std::int64_t n) const {
    T s = 0;
    fold.fold[0](&s, p, static_cast<std::size_t>(n));
    return s;
  }
  T max(const T* p, std::int64_t n) const {
    T s = p[0];
    fold.fold[2](&s, p, static_cast<std::size_t>(n));
    return s;
  }
  T log(T x) const {
    T y;
    apply(MU_PW_LOG, 0, &y, &x, nullptr, 1);
    return y;
  }

  // room: n values. in1 only for the backward kinds.
  void run(std::uint32_t kind, T* y, const T* in0, const T* in1, T* room, std::int64_t n) const {
    switch (kind) {
      case MU_SOFTMAX: {
        const T top = max(in0, n);
        apply(MU_PW_SUB, 2, y, in0, &top, n), apply(MU_PW_EXP, 0, y, y, nullptr, n);
        const T total = sum(y, n);
        return apply(MU_PW_DIV, 2, y, y, &total, n);
      }
      case MU_SOFTMAX_LOG: {
        const T top = max(in0, n);
        apply(MU_PW_SUB, 2, y, in0, &top, n), apply(MU_PW_EXP, 0, room, y, nullptr, n);
        const T shift = log(sum(room, n));
        return apply(MU_PW_SUB, 2, y, y, &shift, n);
      }
      case MU_SOFTMAX_BACKWARD: {
        apply(MU_PW_MUL, 0, room, in0, in1, n);
        const T total = sum(room, n);
        apply(MU_PW_SUB, 2, room, in1, &total, n);
        return apply(MU_PW_MUL, 0, y, in0, room, n);
      }
      default: {
        const T total = sum(in1, n);
        apply(MU_PW_EXP, 0, room, in0, nullptr, n), apply(MU_PW_MUL, 2, room, room, &total, n);
        return apply(MU_PW_SUB, 0, y, in1, room, n);
      }
    }
  }
};

template <class T>
struct Softmax final : mu_plan {
  Softmax(std::uint32_t k, std::uint32_t a, const OpTable& o, int type) : kind(k), axis(a), line{o, fold_table(type)} {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const std::int64_t n = out[0].dim[axis], lines = n == 0 ? 0 : count_of(out[0]) / n;
    std::int64_t memory_failures = 0;
    parallel(lines, most(1, 16384 / most(1, n)), [&](std::int64_t b, std::int64_t e) {
      try {
        T* room = static_cast<T*>(scratch(scratch_line, static_cast<std::size_t>(4 * n) * sizeof(T)));
        for (; b < e; ++b) one(in, out[0], b, n, room);
      } catch (const std::bad_alloc&) {
        __atomic_add_fetch(&memory_failures, 1, __ATOMIC_RELAXED);
      }
    });
    return memory_failures ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[softmax] no memory for a line") : MU_OK;
  }

  std::int64_t offset(const mu_tensor& v, std::int64_t number) const {
    std::int64_t at = 0;
    for (int i = v.rank - 1; i >= 0; --i) {
      if (i == static_cast<int>(axis)) continue;
      at += number % v.dim[i] * v.stride[i], number /= v.dim[i];
    }
    return at;
  }
  // The line where it lies, or a dense copy.
  const T* read(const mu_tensor& v, std::int64_t number, std::int64_t n, T* room) const {
    const T* p = reinterpret_cast<const T*>(address(v)) + offset(v, number);
    const std::int64_t stride = v.stride[axis];
    if (stride == 1 || n == 1) return p;
    for (std::int64_t i = 0; i < n; ++i) room[i] = p[i * stride];
    return room;
  }
  void one(const mu_tensor* in, const mu_tensor& out, std::int64_t number, std::int64_t n, T* room) const {
    const T* in0 = read(in[0], number, n, room);
    const T* in1 = n_in > 1 ? read(in[1], number, n, room + n) : nullptr;
    T* y = reinterpret_cast<T*>(address(out)) + offset(out, number);
    const std::int64_t stride = out.stride[axis];
    if (stride == 1 || n == 1) return line.run(kind, y, in0, in1, room + 2 * n, n);
    line.run(kind, room + 3 * n, in0, in1, room + 2 * n, n);
    for (std::int64_t i = 0; i < n; ++i) y[i * stride] = room[3 * n + i];
  }

  std::uint32_t kind, axis;
  Line<T> line;
};

}  // namespace

PlanPtr plan_softmax(const mu_op_softmax& op, const Views& v) {
  const Type t = checked_type(v.out[0], "[softmax] output");
  if (op.kind > MU_SOFTMAX_LOG_BACKWARD) unsupported("[softmax] kind " + std::to_string(op.kind) + " is not known here");
  if (v.n_in != (op.kind >= MU_SOFTMAX_BACKWARD ? 2u : 1u)) invalid("[softmax] takes one input, backward two");
  if (op.axis >= v.out[0].rank) invalid("[softmax] axis " + std::to_string(op.axis) + " is outside of " + dims_text(v.out[0]));
  for (std::uint32_t i = 0; i < v.n_in; ++i) {
    if (checked_type(v.in[i], "[softmax] input") != t) invalid("[softmax] element types differ");
    require_equal_dims(v.in[i], v.out[0], "[softmax] input and output");
  }
  if (t == Type::f32) return std::make_unique<Softmax<float>>(op.kind, op.axis, f32_table(), 0);
  if (t == Type::f64) return std::make_unique<Softmax<double>>(op.kind, op.axis, f64_table(), 1);
  unsupported("[softmax] float types only");
}

}  // namespace mushin::builtin
