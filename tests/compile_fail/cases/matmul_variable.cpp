// layer: autograd
// expect: [matmul] the last extent of a must equal the second last of b
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)mu::matmul(w, mu::transpose(x));
#else
  (void)mu::matmul(w, x);
#endif
}
