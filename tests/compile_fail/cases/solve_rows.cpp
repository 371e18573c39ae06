// expect: [solve] b must have as many rows as a
// note-gcc: "(3, 3)"
// note-gcc: "(4, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::eye<3, 3>();
#ifdef FIXED
  (void)mu::solve(a, mu::ones<3, 4>());
#else
  (void)mu::solve(a, mu::ones<4, 3>());
#endif
}
