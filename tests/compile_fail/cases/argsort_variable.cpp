// layer: autograd
// expect: [argsort] has no gradient: take the argsort of the value
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)mu::argsort<1>(w.value());
#else
  (void)mu::argsort<1>(w);
#endif
}
