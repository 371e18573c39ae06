// layer: autograd
// expect: [jvp] the tangent must have the shape and element type of the argument
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  const auto f = [](const auto& p) { return p * p; };
#ifdef FIXED
  (void)mu::jvp(f)(x, mu::ones<2, 3>());
#else
  (void)mu::jvp(f)(x, mu::ones<3, 2>());
#endif
}
