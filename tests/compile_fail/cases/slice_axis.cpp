// expect: [slice] the axis is out of range
// note-gcc: "(2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::slice<1, 0, 2>(a);
#else
  (void)mu::slice<2, 0, 2>(a);
#endif
}
