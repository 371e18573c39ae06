// expect: [conv] give one number for all axes, or one for each spatial axis of x
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 8>();
  const auto w = mu::ones<4, 3, 3>();
#ifdef FIXED
  (void)mu::conv<2>(x, w);
#else
  (void)mu::conv<mu::PerAxis{2, 1}>(x, w);
#endif
}
