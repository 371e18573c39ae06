// layer: autograd
// expect: [grad] with respect to a constant: make it a variable with mu::variable(x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)mu::grad(z, w);
#else
  mu::grad(z, x);
#endif
}
