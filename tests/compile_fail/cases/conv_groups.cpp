// expect: [conv] the groups must divide the channels of x and the outputs
// note-gcc: "(3, 2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 4, 8>();
#ifdef FIXED
  (void)mu::conv<1, 0, 1, 2>(x, mu::ones<6, 2, 3>());
#else
  (void)mu::conv<1, 0, 1, 2>(x, mu::ones<3, 2, 3>());
#endif
}
