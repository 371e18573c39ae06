// Windows are folded axis by axis: rows onto one row, then along it.
#include <algorithm>
#include <limits>

#include "pool.hpp"

namespace mushin::builtin {
namespace {
constexpr int fold_sum = 0, fold_max = 2;
constexpr std::int64_t long_window = 16;  // worth a pass of its own for each output
}  // namespace

void PoolGeometry::merge() {
  for (int i = 1; i >= 0; --i) {
    PoolAxis &outer = axis[i], &inner = axis[i + 1];
    if (!outer.is_global() || !inner.is_global()) return;
    const std::int64_t all = outer.size * inner.size;
    inner.size = inner.window = all;
    outer.size = outer.window = 1;
  }
}

std::vector<std::int64_t> PoolGeometry::offsets() const {
  std::vector<std::int64_t> all;
  for (std::int64_t k0 = 0; k0 < axis[0].window; ++k0)
    for (std::int64_t k1 = 0; k1 < axis[1].window; ++k1)
      for (std::int64_t k = 0; k < axis[2].window; ++k)
        all.push_back((k0 * axis[0].dilation * axis[1].size + k1 * axis[1].dilation) * axis[2].size + k * axis[2].dilation);
  return all;
}

// column[j]: the rows that the windows of outputs (p0, p1, …) see, folded.
template <class T>
void PoolPlane<T>::fold_rows(int kind, T* column, const T* x, std::int64_t p0, std::int64_t p1) const {
  const std::int64_t width = g.axis[2].size, stride = g.axis[1].dilation * width;
  std::fill(column, column + width, kind == fold_sum ? T{0} : -std::numeric_limits<T>::infinity());
  const auto planes = g.axis[0].taps(p0), rows = g.axis[1].taps(p1);
  if (rows.empty()) return;
  for (std::int64_t k = planes.begin; k < planes.end; ++k) {
    const T* from = x + (g.axis[0].at(p0, k) * g.axis[1].size + g.axis[1].at(p1, rows.begin)) * width;
    fold.rows[kind](column, from, static_cast<std::size_t>(stride), static_cast<std::size_t>(rows.end - rows.begin),
                    static_cast<std::size_t>(width));
  }
}

template <class T>
void PoolPlane<T>::fold_row(int kind, T* y, const T* column) const {
  const PoolAxis& a = g.axis[2];
  std::fill(y, y + a.outputs, kind == fold_sum ? T{0} : -std::numeric_limits<T>::infinity());
  if (a.window >= long_window && a.dilation == 1) {
    for (std::int64_t p = 0; p < a.outputs; ++p) {
      const auto taps = a.taps(p);
      if (!taps.empty()) fold.fold[kind](y + p, column + a.at(p, taps.begin), static_cast<std::size_t>(taps.end - taps.begin));
    }
    return;
  }
  for (std::int64_t k = 0; k < a.window; ++k) {
    const auto p = a.inside(k);
    if (p.empty()) continue;
    (kind == fold_sum ? kernels.add : kernels.max)(y + p.begin, column + a.at(p.begin, k), p.end - p.begin, a.stride);
  }
}

template <class T>
void PoolPlane<T>::max(T* y, const T* x, T* room) const {
  if (g.quads()) {
    const std::int64_t width = g.axis[2].size, n = g.axis[2].outputs;
    for (std::int64_t p = 0; p < g.axis[1].outputs; ++p, x += 2 * width, y += n) kernels.quad_max(y, x, x + width, n);
    return;
  }
  for (std::int64_t p0 = 0; p0 < g.axis[0].outputs; ++p0)
    for (std::int64_t p1 = 0; p1 < g.axis[1].outputs; ++p1, y += g.axis[2].outputs) {
      fold_rows(fold_max, room, x, p0, p1);
      fold_row(fold_max, y, room);
    }
}

template <class T>
void PoolPlane<T>::widths(T* count) const {
  for (std::int64_t p = 0; p < g.axis[2].outputs; ++p) count[p] = static_cast<T>(g.axis[2].count(p));
}

template <class T>
void PoolPlane<T>::mean(T* y, const T* x, T* room) const {
  T* const count = room + g.axis[2].size;
  widths(count);
  for (std::int64_t p0 = 0; p0 < g.axis[0].outputs; ++p0)
    for (std::int64_t p1 = 0; p1 < g.axis[1].outputs; ++p1, y += g.axis[2].outputs) {
      fold_rows(fold_sum, room, x, p0, p1);
      fold_row(fold_sum, y, room);
      const T rows = static_cast<T>(g.axis[0].count(p0) * g.axis[1].count(p1));
      for (std::int64_t p = 0; p < g.axis[2].outputs; ++p) y[p] /= rows * count[p];
    }
}

// Of each output in the row (p0, p1, …) the first tap, in row-major order, that has the greatest value.
template <class T>
void PoolPlane<T>::first_max(T* best, T* index, const T* x, std::int64_t p0, std::int64_t p1) const {
  const PoolAxis &a0 = g.axis[0], &a1 = g.axis[1], &a2 = g.axis[2];
  std::fill(best, best + a2.outputs, -std::numeric_limits<T>::infinity());
  std::fill(index, index + a2.outputs, T{-1});
  const auto planes = a0.taps(p0), rows = a1.taps(p1);
  for (std::int64_t k0 = planes.begin; k0 < planes.end; ++k0)
    for (std::int64_t k1 = rows.begin; k1 < rows.end; ++k1) {
      const T* row = x + (a0.at(p0, k0) * a1.size + a1.at(p1, k1)) * a2.size;
      for (std::int64_t k = 0; k < a2.window; ++k) {
        const auto p = a2.inside(k);
        if (p.empty()) continue;
        kernels.first_max(best + p.begin, index + p.begin, row + a2.at(p.begin, k), p.end - p.begin, a2.stride,
                          static_cast<T>((k0 * a1.window + k1) * a2.window + k));
      }
    }
}

template <class T>
void PoolPlane<T>::max_backward(T* dx, const T* x, const T* dy, const std::int64_t* offset, T* room) const {
  const PoolAxis &a0 = g.axis[0], &a1 = g.axis[1], &a2 = g.axis[2];
  T *const best = room, *const index = room + a2.outputs;
  const bool quads = g.quads(), covered = quads && 4 * g.outputs() == g.inputs();
  if (!covered) std::fill(dx, dx + g.inputs(), T{0});
  if (quads) {
    for (std::int64_t p = 0; p < a1.outputs; ++p, x += 2 * a2.size, dx += 2 * a2.size, dy += a2.outputs)
      kernels.quad_backward(dx, dx + a2.size, x, x + a2.size, dy, a2.outputs);
    return;
  }
  for (std::int64_t p0 = 0; p0 < a0.outputs; ++p0)
    for (std::int64_t p1 = 0; p1 < a1.outputs; ++p1, dy += a2.outputs) {
      first_max(best, index, x, p0, p1);
      std::int64_t first = (a0.at(p0, 0) * a1.size + a1.at(p1, 0)) * a2.size - a2.before;
      for (std::int64_t p = 0; p < a2.outputs; ++p, first += a2.stride)
        if (index[p] >= 0) dx[first + offset[static_cast<std::int64_t>(index[p])]] += dy[p];
    }
}

template <class T>
void PoolPlane<T>::mean_backward(T* dx, const T* dy, T* room) const {
  const PoolAxis &a0 = g.axis[0], &a1 = g.axis[1], &a2 = g.axis[2];
  T *const row = room, *const count = room + a2.size, *const part = count + a2.outputs;
  widths(count);
  std::fill(dx, dx + g.inputs(), T{0});
  for (std::int64_t p0 = 0; p0 < a0.outputs; ++p0)
    for (std::int64_t p1 = 0; p1 < a1.outputs; ++p1, dy += a2.outputs) {
      const T rows = static_cast<T>(a0.count(p0) * a1.count(p1));
      for (std::int64_t p = 0; p < a2.outputs; ++p) part[p] = dy[p] / (rows * count[p]);
      std::fill(row, row + a2.size, T{0});
      for (std::int64_t k = 0; k < a2.window; ++k) {
        const auto p = a2.inside(k);
        for (std::int64_t i = p.begin; i < p.end; ++i) row[a2.at(i, k)] += part[i];
      }
      const auto planes = a0.taps(p0), lines = a1.taps(p1);
      for (std::int64_t k0 = planes.begin; k0 < planes.end; ++k0)
        for (std::int64_t k1 = lines.begin; k1 < lines.end; ++k1)
          kernels.add(dx + (a0.at(p0, k0) * a1.size + a1.at(p1, k1)) * a2.size, row, a2.size, 1);
    }
}

template struct PoolPlane<float>;
template struct PoolPlane<double>;

}  // namespace mushin::builtin
