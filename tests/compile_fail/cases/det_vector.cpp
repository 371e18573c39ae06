// expect: [det] needs a matrix: at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::det(mu::ones<3, 3>());
#else
  (void)mu::det(mu::ones<3>());
#endif
}
