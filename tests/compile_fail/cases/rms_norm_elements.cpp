// expect: [rms_norm] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  const auto gain = mu::ones<double, 3>();
#ifdef FIXED
  (void)mu::rms_norm(x, gain.to<float>());
#else
  (void)mu::rms_norm(x, gain);
#endif
}
