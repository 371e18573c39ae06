// layer: autograd
// expect: [backward] the cotangent must have the shape and element type of the result
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  z.backward(x.to<double>().to<float>());
#else
  z.backward(x.to<double>());
#endif
}
