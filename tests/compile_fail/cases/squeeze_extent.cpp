// expect: [squeeze] only an axis of size 1 can be dropped
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 1>();
#ifdef FIXED
  (void)mu::squeeze<1>(a);
#else
  (void)mu::squeeze<0>(a);
#endif
}
