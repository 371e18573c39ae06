// expect: [stack] the axis is out of range
// note-gcc: "(3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::stack<2>(a, a);
#else
  (void)mu::stack<3>(a, a);
#endif
}
