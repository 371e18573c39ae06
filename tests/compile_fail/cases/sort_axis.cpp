// expect: [sort] the axis is out of range
// note-gcc: "(2, 3)"
// note-gcc: "(2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::sort<1>(a);
#else
  (void)mu::sort<2>(a);
#endif
}
