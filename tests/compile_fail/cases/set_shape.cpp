// layer: autograd
// expect: [set] the value must have the shape and element type of the variable
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  w.set(mu::zeros<2, 3>());
#else
  w.set(mu::zeros<3, 2>());
#endif
}
