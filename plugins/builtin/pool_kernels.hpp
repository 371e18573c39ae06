// The inner loops of pooling along a row.
#pragma once
#include <cstdint>

namespace mushin::builtin {

template <class T>
struct PoolKernels {
  /// y[i] = y[i] combined with x[i step], i < n: the sum, or the greater, where NaN wins.
  void (*add)(T* y, const T* x, std::int64_t n, std::int64_t step);
  void (*max)(T* y, const T* x, std::int64_t n, std::int64_t step);
  /// Where index[i] < 0, or x[i step] is greater than best[i] or the first NaN: that becomes best[i], and `tap` index[i].
  void (*first_max)(T* best, T* index, const T* x, std::int64_t n, std::int64_t step, T tap);
  /// y[i] = the greatest of a[2i], a[2i + 1], b[2i], b[2i + 1], i < n, where NaN wins.
  void (*quad_max)(T* y, const T* a, const T* b, std::int64_t n);
  /// dy[i] goes to where the first of these is that is the greatest, 0 to the others.
  void (*quad_backward)(T* da, T* db, const T* a, const T* b, const T* dy, std::int64_t n);
};
const PoolKernels<float>& pool_f32();
const PoolKernels<double>& pool_f64();

}  // namespace mushin::builtin
