// expect: [Tensor] an extent must not be negative
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::randn<2, 3>();
#else
  (void)mu::randn<-2, 3>();
#endif
}
