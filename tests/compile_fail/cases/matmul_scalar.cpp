// expect: [matmul] a scalar has no axes: multiply with *
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)(a * mu::ones<>());
#else
  (void)mu::matmul(a, mu::ones<>());
#endif
}
