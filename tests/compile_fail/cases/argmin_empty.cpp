// expect: [argmin] an axis of size 0 has no least element
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 0>();
#ifdef FIXED
  (void)mu::argmin<0>(a);
#else
  (void)mu::argmin<1>(a);
#endif
}
