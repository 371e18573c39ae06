// expect: [conv] the weights must be (outputs, channels / groups, kernel) with the channels of x
// note-gcc: "(2, 3, 8, 8)"
// note-gcc: "(4, 2, 3, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 8, 8>();
#ifdef FIXED
  (void)mu::conv(x, mu::ones<4, 3, 3, 3>());
#else
  (void)mu::conv(x, mu::ones<4, 2, 3, 3>());
#endif
}
