// expect: [maximum] extents must be equal or 1, counted from the last
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::maximum(a, mu::ones<2, 3>());
#else
  (void)mu::maximum(a, mu::ones<3, 2>());
#endif
}
