// expect: [linspace] makes one axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::linspace<6>(0, 1);
#else
  (void)mu::linspace<2, 3>(0, 1);
#endif
}
