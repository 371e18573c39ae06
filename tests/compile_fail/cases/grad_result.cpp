// layer: autograd
// expect: [grad] only a variable gathers gradients: for a result h ask mu::grad(z, h)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)mu::grad(mu::sum(z), z);
#else
  (void)z.grad();
#endif
}
