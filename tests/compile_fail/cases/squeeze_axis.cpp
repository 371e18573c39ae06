// expect: [squeeze] the axis is out of range
// note-gcc: "(2, 1)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 1>();
#ifdef FIXED
  (void)mu::squeeze<-1>(a);
#else
  (void)mu::squeeze<-3>(a);
#endif
}
