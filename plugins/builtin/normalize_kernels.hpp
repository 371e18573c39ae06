// Normalisation of one dense line.
#pragma once
#include <cstdint>

namespace mushin::builtin {

template <class T>
struct NormalizeKernels {
  /// y = (x - mean) / sqrt(variance + eps) * gain + bias
  void (*layer)(T* y, const T* x, const T* gain, const T* bias, std::int64_t n, double eps);
  /// Given dy: dx, and what the line adds to dgain and dbias.
  void (*layer_backward)(T* dx, T* dgain, T* dbias, const T* x, const T* gain, const T* dy, std::int64_t n, double eps);
  /// y = x / sqrt(mean(x^2) + eps) * gain; backward as above.
  void (*rms)(T* y, const T* x, const T* gain, std::int64_t n, double eps);
  void (*rms_backward)(T* dx, T* dgain, const T* x, const T* gain, const T* dy, std::int64_t n, double eps);
  /// sum += part
  void (*add)(T* sum, const T* part, std::int64_t n);
};
const NormalizeKernels<float>& normalize_f32();
const NormalizeKernels<double>& normalize_f64();

}  // namespace mushin::builtin
