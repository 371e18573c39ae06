// expect: [any] needs bool elements: compare first, as in a != 0
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::any(a != 0);
#else
  (void)mu::any(a);
#endif
}
