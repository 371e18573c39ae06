// expect: [layer_norm] the bias must have the extents of the gain
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<4, 2, 3>();
  const auto gain = mu::ones<3>();
#ifdef FIXED
  (void)mu::layer_norm(x, gain, mu::zeros<3>());
#else
  (void)mu::layer_norm(x, gain, mu::zeros<2, 3>());
#endif
}
