// SOFTMAX and its relatives, line by line along one axis.
#include <atomic>
#include <limits>
#include <new>

#include "kernels.hpp"
#include "reduce_kernels.hpp"
#include "softmax_kernels.hpp"
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

// float32 has kernels of its own.
struct FloatLine {
  SoftmaxLine line;
  void run(std::uint32_t, float* y, const float* in0, const float* in1, float*, std::int64_t n) const { line(y, in0, in1, n); }
};

// Lines that lie side by side, dense across: whole rows of them at a time, so that nothing is brought to another order.
template <class T>
struct Columns {
  static constexpr std::int64_t width = 128;
  const OpTable& op;
  const FoldTable& fold;

  // Where a row begins: rows of one view are `step` apart.
  struct Rows {
    T* first;
    std::int64_t step;
    T* at(std::int64_t i) const { return first + i * step; }
  };
  void apply(int row, T* d, const T* a, const T* b, std::int64_t columns) const {
    op.row[row].with_scalars[0](d, a, b, nullptr, static_cast<std::size_t>(columns));
  }
  void fold_rows(int fold_kind, T* acc, const Rows& r, std::int64_t n, std::int64_t columns) const {
    fold.rows[fold_kind](acc, r.first, static_cast<std::size_t>(r.step), static_cast<std::size_t>(n), static_cast<std::size_t>(columns));
  }

  void run(std::uint32_t kind, const Rows& y, const Rows& in0, const Rows& in1, std::int64_t n, std::int64_t columns) const {
    alignas(64) T top[width], sum[width], row[width];
    for (std::int64_t j = 0; j < columns; ++j) top[j] = -std::numeric_limits<T>::infinity(), sum[j] = 0;
    const std::int64_t w = columns;
    if (kind <= MU_SOFTMAX_LOG) fold_rows(2, top, in0, n, w);
    switch (kind) {
      case MU_SOFTMAX:
        for (std::int64_t i = 0; i < n; ++i) {
          apply(MU_PW_SUB, row, in0.at(i), top, w), apply(MU_PW_EXP, y.at(i), row, nullptr, w);
          apply(MU_PW_ADD, sum, sum, y.at(i), w);
        }
        for (std::int64_t i = 0; i < n; ++i) apply(MU_PW_DIV, y.at(i), y.at(i), sum, w);
        return;
      case MU_SOFTMAX_LOG:
        for (std::int64_t i = 0; i < n; ++i) {
          apply(MU_PW_SUB, row, in0.at(i), top, w), apply(MU_PW_EXP, row, row, nullptr, w);
          apply(MU_PW_ADD, sum, sum, row, w);
        }
        apply(MU_PW_LOG, sum, sum, nullptr, w);
        for (std::int64_t i = 0; i < n; ++i) apply(MU_PW_SUB, row, in0.at(i), top, w), apply(MU_PW_SUB, y.at(i), row, sum, w);
        return;
      case MU_SOFTMAX_BACKWARD:
        for (std::int64_t i = 0; i < n; ++i) apply(MU_PW_MUL, row, in0.at(i), in1.at(i), w), apply(MU_PW_ADD, sum, sum, row, w);
        for (std::int64_t i = 0; i < n; ++i) apply(MU_PW_SUB, row, in1.at(i), sum, w), apply(MU_PW_MUL, y.at(i), in0.at(i), row, w);
        return;
      default:
        fold_rows(0, sum, in1, n, w);
        for (std::int64_t i = 0; i < n; ++i) {
          apply(MU_PW_EXP, row, in0.at(i), nullptr, w), apply(MU_PW_MUL, row, row, sum, w);
          apply(MU_PW_SUB, y.at(i), in1.at(i), row, w);
        }
    }
  }
};

template <class T, class Kernels>
struct Softmax final : mu_plan {
  Softmax(std::uint32_t k, std::uint32_t a, const Kernels& kernels, const Columns<T>& c)
      : kind(k), axis(static_cast<int>(a)), line(kernels), columns(c) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const Geometry g = geometry(out[0]);
    if (across(in, out[0], g)) return run_columns(in, out[0], g);
    std::atomic<bool> no_memory{false};
    const std::int64_t blocks = (g.inner + block_lines - 1) / block_lines * g.outer;
    parallel(blocks, most(1, 16384 / most(1, g.n * least(g.inner, block_lines))), [&](std::int64_t b, std::int64_t e) {
      try {
        T* room = static_cast<T*>(scratch(scratch_line, static_cast<std::size_t>((3 * block_lines + 1) * pitch(g.n)) * sizeof(T)));
        for (; b < e; ++b) block(in, out[0], g, b, room);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    return no_memory ? mu_fail(error, MU_OUT_OF_MEMORY, 0, "[softmax] no memory for a line") : MU_OK;
  }

  // Lines lie along `axis`. Those side by side along the innermost other axis are brought to dense memory together, a cache line of
  // each row at a time.
  static constexpr std::int64_t block_lines = 32;
  struct Geometry {
    std::int64_t n, inner, outer;
    int side;  // the innermost other axis, or -1
  };
  Geometry geometry(const mu_tensor& out) const {
    Geometry g{out.dim[axis], 1, 1, -1};
    for (int i = out.rank - 1; i >= 0; --i) {
      if (i == axis) continue;
      if (g.side < 0)
        g.side = i, g.inner = out.dim[i];
      else
        g.outer *= out.dim[i];
    }
    if (g.n == 0) g.inner = g.outer = 0;
    return g;
  }

  // The lines' neighbours are dense in memory, in every view.
  bool across(const mu_tensor* in, const mu_tensor& out, const Geometry& g) const {
    bool dense = g.side >= 0 && g.n > 1 && g.inner >= 16 && out.stride[g.side] == 1;
    for (std::uint32_t k = 0; k < n_in; ++k) dense = dense && in[k].stride[g.side] == 1;
    return dense;
  }
  mu_code run_columns(const mu_tensor* in, const mu_tensor& out, const Geometry& g) const {
    constexpr std::int64_t width = Columns<T>::width;
    const std::int64_t per_row = (g.inner + width - 1) / width;
    parallel(per_row * g.outer, most(1, 16384 / most(1, g.n * least(g.inner, width))), [&](std::int64_t b, std::int64_t e) {
      for (; b < e; ++b) {
        const std::int64_t first = b % per_row * width;
        const auto rows = [&](const mu_tensor& v) {
          const Lines l = lines_at(v, g, b / per_row, first);
          return typename Columns<T>::Rows{l.first, l.step};
        };
        columns.run(kind, rows(out), rows(in[0]), rows(in[n_in - 1]), g.n, least(width, g.inner - first));
      }
    });
    return MU_OK;
  }

  struct Lines {
    T* first;
    std::int64_t step, side;  // along a line, and to the next line
  };
  Lines lines_at(const mu_tensor& v, const Geometry& g, std::int64_t number, std::int64_t first) const {
    std::int64_t at = g.side >= 0 ? first * v.stride[g.side] : 0;
    for (int i = v.rank - 1; i >= 0; --i) {
      if (i == axis || i == g.side) continue;
      at += number % v.dim[i] * v.stride[i], number /= v.dim[i];
    }
    return {reinterpret_cast<T*>(address(v)) + at, g.n == 1 ? 1 : v.stride[axis], g.side >= 0 ? v.stride[g.side] : 0};
  }
  // From one dense copy to the next: never a multiple of a page, whose lines would share one place in the cache.
  static std::int64_t pitch(std::int64_t n) { return n + 64 / static_cast<std::int64_t>(sizeof(T)); }
  // The lines where they lie, or dense copies in `room`.
  static Lines dense(const Lines& l, std::int64_t count, std::int64_t n, T* room) {
    if (l.step == 1) return l;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < count; ++k) room[k * pitch(n) + i] = l.first[i * l.step + k * l.side];
    return {room, 1, pitch(n)};
  }

  void block(const mu_tensor* in, const mu_tensor& out, const Geometry& g, std::int64_t number, T* room) const {
    const std::int64_t per_row = (g.inner + block_lines - 1) / block_lines, first = number % per_row * block_lines;
    const std::int64_t count = least(block_lines, g.inner - first), n = g.n, size = block_lines * pitch(n);
    Lines source[2] = {};
    for (std::uint32_t k = 0; k < n_in; ++k) source[k] = dense(lines_at(in[k], g, number / per_row, first), count, n, room + k * size);
    const Lines target = lines_at(out, g, number / per_row, first);
    const Lines to = target.step == 1 ? target : Lines{room + 2 * size, 1, pitch(n)};
    for (std::int64_t k = 0; k < count; ++k)
      line.run(kind, to.first + k * to.side, source[0].first + k * source[0].side, source[1].first + k * source[1].side, room + 3 * size,
               n);
    if (target.step == 1) return;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < count; ++k) target.first[i * target.step + k * target.side] = to.first[k * pitch(n) + i];
  }

  std::uint32_t kind;
  int axis;
  Kernels line;
  Columns<T> columns;
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
  if (t == Type::f32)
    return std::make_unique<Softmax<float, FloatLine>>(op.kind, op.axis, FloatLine{softmax_line(op.kind)},
                                                       Columns<float>{f32_table(), fold_table(0)});
  if (t == Type::f64)
    return std::make_unique<Softmax<double, Line<double>>>(op.kind, op.axis, Line<double>{f64_table(), fold_table(1)},
                                                           Columns<double>{f64_table(), fold_table(1)});
  unsupported("[softmax] float types only");
}

}  // namespace mushin::builtin
