// layer: autograd
// expect: [grad] a constant has no gradient: make it a variable with mu::variable(x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)w.grad();
#else
  (void)x.grad();
#endif
}
