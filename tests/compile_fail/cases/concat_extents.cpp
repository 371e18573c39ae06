// expect: [concat] extents must be equal on every other axis
// note-gcc: "(2, 3)"
// note-gcc: "(4, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<4, 3>();
#ifdef FIXED
  (void)mu::concat<0>(a, a, b);
#else
  (void)mu::concat<1>(a, a, b);
#endif
}
