// expect: [concat] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::concat<-2>(a, a);
#else
  (void)mu::concat<2>(a, a);
#endif
}
