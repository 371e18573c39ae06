// Normalisation of channels: lines of one of them, or rows with one value of each of several.
#pragma once
#include <cstdint>

namespace mushin::builtin {

/// `count` lines of `n` values, `pitch` apart.
template <class T>
struct Lines {
  T* first;
  std::int64_t pitch, count, n;
};
struct Spread {
  double mean, squares;  // the sum of squared deviations
};

template <class T>
struct BatchNormKernels {
  Spread (*spread)(const Lines<const T>& x);
  /// y = (x - mean) * scale + bias
  void (*normalize)(const Lines<T>& y, const Lines<const T>& x, T mean, T scale, T bias);
  /// The sums of dy and of dy (x - mean).
  void (*sums)(const Lines<const T>& x, const Lines<const T>& dy, T mean, T* total, T* along);
  /// dx = (dy - constant - (x - mean) slope) scale
  void (*slopes)(const Lines<T>& dx, const Lines<const T>& x, const Lines<const T>& dy, T mean, T constant, T slope, T scale);

  // The same row by row, for each of `n` channels.
  void (*row_sum)(T* sum, const T* x, std::int64_t n);
  void (*row_squares)(T* sum, const T* x, const T* mean, std::int64_t n);
  void (*row_normalize)(T* y, const T* x, const T* mean, const T* scale, const T* bias, std::int64_t n);
  void (*row_sums)(T* total, T* along, const T* x, const T* dy, const T* mean, std::int64_t n);
  void (*row_slopes)(T* dx, const T* x, const T* dy, const T* mean, const T* constant, const T* slope, const T* scale, std::int64_t n);
};
const BatchNormKernels<float>& batch_norm_f32();
const BatchNormKernels<double>& batch_norm_f64();

}  // namespace mushin::builtin
