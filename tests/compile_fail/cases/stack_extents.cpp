// expect: [stack] all tensors must have the same extents
// note-gcc: "(4, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<4, 3>();
#ifdef FIXED
  (void)mu::stack<0>(a, a);
#else
  (void)mu::stack<0>(a, b);
#endif
}
