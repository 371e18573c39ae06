// expect: [matmul] leading extents must be equal or 1
// note-gcc: "(4, 2, 3)"
// note-gcc: "(5, 3, 2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<4, 2, 3>();
#ifdef FIXED
  (void)mu::matmul(a, mu::ones<1, 3, 2>());
#else
  (void)mu::matmul(a, mu::ones<5, 3, 2>());
#endif
}
