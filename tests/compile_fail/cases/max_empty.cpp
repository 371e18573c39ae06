// expect: [max] an axis of size 0 has no greatest element
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 0>();
#ifdef FIXED
  (void)mu::max<0>(a);
#else
  (void)mu::max<1>(a);
#endif
}
