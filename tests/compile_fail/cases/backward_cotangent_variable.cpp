// layer: autograd
// expect: [backward] the cotangent must be a constant: pass its value, g.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  z.backward(w.value());
#else
  z.backward(w);
#endif
}
