// expect: [layer_norm] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>(), gain = mu::ones<2, 3>();
  const auto bias = mu::zeros<double, 2, 3>();
#ifdef FIXED
  (void)mu::layer_norm(x, gain, bias.to<float>());
#else
  (void)mu::layer_norm(x, gain, bias);
#endif
}
