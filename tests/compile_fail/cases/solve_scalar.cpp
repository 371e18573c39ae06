// expect: [solve] a scalar has no axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::eye<3, 3>();
#ifdef FIXED
  (void)mu::solve(a, mu::ones<3>());
#else
  (void)mu::solve(a, mu::ones<>());
#endif
}
