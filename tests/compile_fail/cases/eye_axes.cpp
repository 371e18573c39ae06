// expect: [eye] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::eye<3, 1>();
#else
  (void)mu::eye<3>();
#endif
}
