// expect: [randn] needs a float element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::randn<mu::f16, 3>();
#else
  (void)mu::randn<int, 3>();
#endif
}
