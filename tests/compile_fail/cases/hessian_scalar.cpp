// layer: autograd
// expect: [hessian] f must give a scalar: sum its value, or ask for the jacobian of its gradient
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::hessian([](const auto& p) { return mu::sum(p * p); })(x);
#else
  (void)mu::hessian([](const auto& p) { return p * p; })(x);
#endif
}
