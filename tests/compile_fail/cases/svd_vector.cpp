// expect: [svd] needs a matrix: at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::svd(mu::ones<3, 1>());
#else
  (void)mu::svd(mu::ones<3>());
#endif
}
