// layer: autograd
// expect: [argmin] has no gradient: take the argmin of the value
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)mu::argmin<1>(w.value());
#else
  (void)mu::argmin<1>(w);
#endif
}
