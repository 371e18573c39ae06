// expect: [conv_transpose] the output padding must be less than the stride or the dilation, and not negative
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 8>();
  const auto w = mu::ones<3, 4, 3>();
#ifdef FIXED
  (void)mu::conv_transpose<2, 0, 1>(x, w);
#else
  (void)mu::conv_transpose<2, 0, 2>(x, w);
#endif
}
