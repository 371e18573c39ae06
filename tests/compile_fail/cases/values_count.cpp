// expect: [tensor] the number of values must be the product of the extents
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::tensor<2, 3>({1, 2, 3, 4, 5, 6});
#else
  (void)mu::tensor<2, 3>({1, 2, 3, 4, 5});
#endif
}
