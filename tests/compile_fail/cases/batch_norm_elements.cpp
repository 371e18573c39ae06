// expect: [batch_norm] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  const auto gain = mu::ones<3>();
  const auto bias = mu::ones<double, 3>();
#ifdef FIXED
  (void)mu::batch_norm(x, gain, bias.to<float>());
#else
  (void)mu::batch_norm(x, gain, bias);
#endif
}
