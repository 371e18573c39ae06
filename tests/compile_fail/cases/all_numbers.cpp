// expect: [all] needs bool elements: compare first, as in a != 0
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::all(a != 0);
#else
  (void)mu::all(a);
#endif
}
