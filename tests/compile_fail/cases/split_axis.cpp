// expect: [split] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::split<-1, 3>(a);
#else
  (void)mu::split<2, 3>(a);
#endif
}
