// expect: [linspace] needs a float element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::linspace<double, 6>(0, 1);
#else
  (void)mu::linspace<int, 6>(0, 1);
#endif
}
