// Pooling of one plane: the sizes behind (batch, channels), dense.
#pragma once
#include <vector>

#include "pool_kernels.hpp"
#include "reduce_kernels.hpp"

namespace mushin::builtin {

struct PoolAxis {
  std::int64_t size, outputs, window, stride, dilation, before, after;
  bool counts_padding;

  struct Range {
    std::int64_t begin, end;
    bool empty() const { return begin >= end; }
  };
  /// The taps of an output that are inside of x.
  Range taps(std::int64_t p) const { return clip(before - p * stride, size + before - p * stride, dilation, window); }
  /// The outputs whose tap k is inside of x.
  Range inside(std::int64_t k) const { return clip(before - k * dilation, size + before - k * dilation, stride, outputs); }
  /// What the mean of an output divides by.
  std::int64_t count(std::int64_t p) const {
    if (!counts_padding) return taps(p).empty() ? 0 : taps(p).end - taps(p).begin;
    const std::int64_t left = size + before + after - p * stride;
    return left < 0 ? 0 : left < window ? left : window;
  }
  std::int64_t at(std::int64_t p, std::int64_t k) const { return p * stride + k * dilation - before; }
  /// Windows of two, side by side, all inside.
  bool is_halved() const { return window == 2 && stride == 2 && dilation == 1 && before == 0 && 2 * outputs <= size; }
  /// One window that is all of the axis.
  bool is_global() const { return outputs == 1 && before == 0 && after == 0 && window == size && dilation == 1; }

 private:
  // 0 <= i < n with low <= i step < high
  static Range clip(std::int64_t low, std::int64_t high, std::int64_t step, std::int64_t n) {
    const std::int64_t begin = low <= 0 ? 0 : (low + step - 1) / step, end = high <= 0 ? 0 : (high + step - 1) / step;
    return {begin < n ? begin : n, end < n ? end : n};
  }
};

/// Three axes; those that are missing come first, with size 1.
struct PoolGeometry {
  PoolAxis axis[3];
  /// Neighbouring axes with one window each become one.
  void merge();
  std::int64_t inputs() const { return axis[0].size * axis[1].size * axis[2].size; }
  std::int64_t outputs() const { return axis[0].outputs * axis[1].outputs * axis[2].outputs; }
  std::int64_t taps() const { return axis[0].window * axis[1].window * axis[2].window; }
  /// Of each tap, from a window's first place on.
  std::vector<std::int64_t> offsets() const;
  /// Windows of two by two that lie side by side.
  bool quads() const {
    return axis[0].size == 1 && axis[0].outputs == 1 && axis[0].window == 1 && axis[1].is_halved() && axis[2].is_halved();
  }
  /// Elements of T that `room` has below.
  std::int64_t room() const { return axis[2].size + 3 * axis[2].outputs; }
};

template <class T>
struct PoolPlane {
  const PoolGeometry& g;
  const PoolKernels<T>& kernels;
  const FoldTable& fold;

  void max(T* y, const T* x, T* room) const;
  void mean(T* y, const T* x, T* room) const;
  /// dx is overwritten. `offset`: the geometry's.
  void max_backward(T* dx, const T* x, const T* dy, const std::int64_t* offset, T* room) const;
  void mean_backward(T* dx, const T* dy, T* room) const;

 private:
  void fold_rows(int kind, T* column, const T* x, std::int64_t p0, std::int64_t p1) const;
  void fold_row(int kind, T* y, const T* column) const;
  void first_max(T* best, T* index, const T* x, std::int64_t p0, std::int64_t p1) const;
  void widths(T* count) const;
};
extern template struct PoolPlane<float>;
extern template struct PoolPlane<double>;

}  // namespace mushin::builtin
