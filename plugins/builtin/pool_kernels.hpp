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
};
const PoolKernels<float>& pool_f32();
const PoolKernels<double>& pool_f64();

}  // namespace mushin::builtin
