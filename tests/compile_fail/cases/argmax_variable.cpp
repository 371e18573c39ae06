// layer: autograd
// expect: [argmax] has no gradient: take the argmax of the value
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)mu::argmax<1>(w.value());
#else
  (void)mu::argmax<1>(w);
#endif
}
