// expect: [logical_and] needs bool elements: compare first, as in a != 0
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)(a != 0 && a != 1);
#else
  (void)(a && a);
#endif
}
