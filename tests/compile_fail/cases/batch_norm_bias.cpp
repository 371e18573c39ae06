// expect: [batch_norm] the bias must have the extent of axis 1 of x
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 4>();
  const auto gain = mu::ones<3>();
#ifdef FIXED
  (void)mu::batch_norm(x, gain, mu::ones<3>());
#else
  (void)mu::batch_norm(x, gain, mu::ones<4>());
#endif
}
