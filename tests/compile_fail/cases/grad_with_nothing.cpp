// layer: autograd
// expect: [grad] say with respect to what: grad(z, w)
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
  mu::grad(z);
#endif
}
