// expect: [solve] leading extents must be equal or 1
// note-gcc: "(4, 3, 3)"
// note-gcc: "(5, 3, 2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::eye<4, 3, 3>();
#ifdef FIXED
  (void)mu::solve(a, mu::ones<1, 3, 2>());
#else
  (void)mu::solve(a, mu::ones<5, 3, 2>());
#endif
}
