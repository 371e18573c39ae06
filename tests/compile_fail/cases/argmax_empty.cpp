// expect: [argmax] an axis of size 0 has no greatest element
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<0, 3>();
#ifdef FIXED
  (void)mu::argmax<1>(a);
#else
  (void)mu::argmax<0>(a);
#endif
}
