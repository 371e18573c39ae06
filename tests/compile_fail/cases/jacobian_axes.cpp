// layer: autograd
// expect: [jacobian] at most 8 axes, those of f's value and of the argument together
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = mu::jacobian([](const auto& p) { return p * p; });
#ifdef FIXED
  (void)f(mu::ones<1, 1, 1, 2>());
#else
  (void)f(mu::ones<1, 1, 1, 1, 2>());
#endif
}
