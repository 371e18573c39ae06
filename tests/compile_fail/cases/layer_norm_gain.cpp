// expect: [layer_norm] the gain must have the last extents of x
// note-gcc: "(2, 3)"
// note-gcc: "(2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
#ifdef FIXED
  const auto gain = mu::ones<3>();
#else
  const auto gain = mu::ones<2>();
#endif
  (void)mu::layer_norm(x, gain, gain);
}
