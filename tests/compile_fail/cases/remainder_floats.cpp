// expect: [remainder] needs integers
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::remainder(a.to<int>(), 2);
#else
  (void)mu::remainder(a, 2);
#endif
}
