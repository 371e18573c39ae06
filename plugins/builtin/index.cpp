// GATHER and SCATTER_ADD. The indexed operand is viewed with stride 0 along the axis; the index gives the rest of the address.
#include <atomic>
#include <cstring>

#include "kernels.hpp"
#include "strided.hpp"

namespace mushin::builtin {
namespace {

constexpr std::int64_t chunk = 16384;  // elements

// Three views over the positions: the indexed operand (without its axis), the indices, the dense-side operand.
struct Walk {
  Axes axes;
  Strides strides[3];
  std::int64_t n, inner, rows, axis_stride, extent;
  char *indexed, *other;
  const std::int64_t* index;

  Walk(const mu_tensor& indexed_view, const mu_tensor& indices, const mu_tensor& values, std::uint32_t axis) {
    mu_tensor without = indexed_view;
    axis_stride = indexed_view.stride[axis], extent = indexed_view.dim[axis];
    without.stride[axis] = 0;
    const mu_tensor* views[3] = {&without, &indices, &values};
    collapse(values, 3, views, axes, strides);
    n = count_of(values);
    inner = axes.rank ? axes.dim[axes.rank - 1] : 1;
    rows = n == 0 ? 0 : n / inner;
    indexed = address(indexed_view), other = address(values);
    index = reinterpret_cast<const std::int64_t*>(address(indices));
  }
  std::int64_t inner_stride(int view) const { return axes.rank ? strides[view].of[axes.rank - 1] : 0; }
  void at(std::int64_t row, std::int64_t* offset) const {
    offset[0] = offset[1] = offset[2] = 0;
    for (int i = axes.rank - 2; i >= 0; --i) {
      const std::int64_t k = row % axes.dim[i];
      row /= axes.dim[i];
      for (int v = 0; v < 3; ++v) offset[v] += k * strides[v].of[i];
    }
  }
  bool inside(std::int64_t i) const { return i >= 0 && i < extent; }
};

mu_code out_of_range(mu_error* error, const char* op, std::int64_t index, std::int64_t extent) {
  const std::string text =
      std::string("[") + op + "] index out of range: " + std::to_string(index) + " in an axis of extent " + std::to_string(extent);
  return mu_fail(error, MU_INVALID, 0, text.c_str());
}

// Calls row(offsets, first index) or single(offset of indexed, offset of other) for [begin, end) of the rows. False: a bad index, in `bad`.
template <class Row, class Single>
bool walk_rows(const Walk& w, std::int64_t begin, std::int64_t end, std::int64_t& bad, const Row& row, const Single& single) {
  const std::int64_t index_stride = w.inner_stride(1), a = w.inner_stride(0), c = w.inner_stride(2);
  for (std::int64_t r = begin; r < end; ++r) {
    std::int64_t offset[3];
    w.at(r, offset);
    const std::int64_t* index = w.index + offset[1];
    if (index_stride == 0) {
      if (!w.inside(bad = *index)) return false;
      row(offset[0] + *index * w.axis_stride, offset[2]);
      continue;
    }
    for (std::int64_t i = 0; i < w.inner; ++i) {
      const std::int64_t k = bad = index[i * index_stride];
      if (!w.inside(k)) return false;
      single(offset[0] + i * a + k * w.axis_stride, offset[2] + i * c);
    }
  }
  return true;
}

template <class T>
bool gather_rows(const Walk& w, std::int64_t begin, std::int64_t end, std::int64_t& bad) {
  const T* data = reinterpret_cast<const T*>(w.indexed);
  T* out = reinterpret_cast<T*>(w.other);
  const std::int64_t a = w.inner_stride(0), c = w.inner_stride(2);
  const auto row = [&](std::int64_t from, std::int64_t to) {
    if (a == 1 && c == 1)
      std::memcpy(out + to, data + from, static_cast<std::size_t>(w.inner) * sizeof(T));
    else
      for (std::int64_t i = 0; i < w.inner; ++i) out[to + i * c] = data[from + i * a];
  };
  return walk_rows(w, begin, end, bad, row, [&](std::int64_t from, std::int64_t to) { out[to] = data[from]; });
}

struct Gather final : mu_plan {
  Gather(std::uint32_t a, std::size_t b) : axis(a), bytes(b) {}
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const Walk w(in[0], in[1], out[0], axis);
    std::atomic<bool> failed{false};
    std::atomic<std::int64_t> wrong{0};
    parallel(w.rows, most(1, chunk / most(1, w.inner)), [&](std::int64_t b, std::int64_t e) {
      std::int64_t bad = 0;
      const bool fine = bytes == 4   ? gather_rows<std::uint32_t>(w, b, e, bad)
                        : bytes == 8 ? gather_rows<std::uint64_t>(w, b, e, bad)
                        : bytes == 2 ? gather_rows<std::uint16_t>(w, b, e, bad)
                                     : gather_rows<std::uint8_t>(w, b, e, bad);
      if (!fine && !failed.exchange(true)) wrong = bad;
    });
    return failed ? out_of_range(error, "gather", wrong, w.extent) : MU_OK;
  }
  std::uint32_t axis;
  std::size_t bytes;
};

template <class T>
T added(T a, T b) {
  if constexpr (std::is_same_v<T, bool>)
    return a || b;
  else if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else
    return a + b;
}

template <class T>
bool scatter_rows(const Walk& w, Kernel add, std::int64_t& bad) {
  T* out = reinterpret_cast<T*>(w.indexed);
  const T* from = reinterpret_cast<const T*>(w.other);
  const std::int64_t a = w.inner_stride(0), c = w.inner_stride(2);
  const auto row = [&](std::int64_t to, std::int64_t at) {
    if (a == 1 && c == 1)
      add(out + to, out + to, from + at, nullptr, static_cast<std::size_t>(w.inner));
    else
      for (std::int64_t i = 0; i < w.inner; ++i) out[to + i * a] = added(out[to + i * a], from[at + i * c]);
  };
  return walk_rows(w, 0, w.rows, bad, row, [&](std::int64_t to, std::int64_t at) { out[to] = added(out[to], from[at]); });
}

// One thread, in row-major order of the positions: deterministic whether asked or not.
struct ScatterAdd final : mu_plan {
  ScatterAdd(std::uint32_t a, Type t) : axis(a), type(t) { add = op_table(static_cast<int>(t)).row[MU_PW_ADD].with_scalars[0]; }
  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const Walk w(out[0], in[0], in[1], axis);
    std::int64_t bad = 0;
    using Rows = bool (*)(const Walk&, Kernel, std::int64_t&);
    constexpr Rows rows[computed_count] = {scatter_rows<float>,        scatter_rows<double>,      scatter_rows<std::int64_t>,
                                           scatter_rows<std::int32_t>, scatter_rows<std::int8_t>, scatter_rows<std::uint8_t>,
                                           scatter_rows<bool>};
    const bool fine = rows[static_cast<int>(type)](w, add, bad);
    return fine ? MU_OK : out_of_range(error, "scatter_add", bad, w.extent);
  }
  std::uint32_t axis;
  Type type;
  Kernel add;
};

void check(const char* what, std::uint32_t axis, const mu_tensor& indexed, const mu_tensor& indices, const mu_tensor& values) {
  const std::string op = what;
  if (checked_type(indices, what) != Type::i64) invalid(op + " indices must be int64");
  if (checked_type(indexed, what) != checked_type(values, what)) invalid(op + " element types differ");
  require_equal_dims(indices, values, what);
  if (indexed.rank != values.rank || axis >= values.rank)
    invalid(op + " ranks differ or the axis is outside: " + dims_text(indexed) + ", " + dims_text(values) + ", axis " +
            std::to_string(axis));
  for (std::uint32_t i = 0; i < values.rank; ++i)
    if (i != axis && indexed.dim[i] != values.dim[i]) invalid(op + " dims differ: " + dims_text(indexed) + " and " + dims_text(values));
}

}  // namespace

PlanPtr plan_gather(const mu_op_gather& op, const Views& v) {
  check("[gather]", op.axis, v.in[0], v.in[1], v.out[0]);
  return std::make_unique<Gather>(op.axis, bytes_of(type_of(v.out[0].dtype)));
}

PlanPtr plan_scatter_add(const mu_op_scatter_add& op, const Views& v) {
  check("[scatter_add]", op.axis, v.out[0], v.in[0], v.in[1]);
  if (is_half(type_of(v.out[0].dtype))) unsupported("[scatter_add] sums of 16-bit floats are made in float32");
  return std::make_unique<ScatterAdd>(op.axis, type_of(v.out[0].dtype));
}

}  // namespace mushin::builtin
