// expect: [rms_norm] the gain must have the last extents of x
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::rms_norm(x, mu::ones<3>());
#else
  (void)mu::rms_norm(x, mu::ones<2>());
#endif
}
