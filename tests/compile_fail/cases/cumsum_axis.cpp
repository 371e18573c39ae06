// expect: [cumsum] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::cumsum<1>(a);
#else
  (void)mu::cumsum<2>(a);
#endif
}
