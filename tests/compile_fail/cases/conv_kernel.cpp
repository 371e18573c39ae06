// expect: [conv] the kernel must have an element, and not be greater than x with its padding
// note-gcc: "(2, 3, 3, 8)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 3, 8>();
  const auto w = mu::ones<4, 3, 5, 5>();
#ifdef FIXED
  (void)mu::conv<1, mu::PerAxis{1, 0}>(x, w);
#else
  (void)mu::conv<1, mu::PerAxis{0, 1}>(x, w);
#endif
}
