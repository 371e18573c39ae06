// expect: [batch_norm] the gain must have the extent of axis 1 of x
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 4>();
  const auto bias = mu::ones<3>();
#ifdef FIXED
  (void)mu::batch_norm(x, mu::ones<3>(), bias);
#else
  (void)mu::batch_norm(x, mu::ones<4>(), bias);
#endif
}
