// expect: [min] an axis of size 0 has no least element
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 0>();
#ifdef FIXED
  (void)mu::min<0>(a);
#else
  (void)mu::min<1>(a);
#endif
}
