// layer: autograd
// expect: [vjp] the cotangent must have the shape and element type of f's value
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  const auto f = [](const auto& p) { return p * p; };
  const auto pulled = mu::vjp(f, x);
#ifdef FIXED
  (void)pulled.pull(mu::ones<2, 3>());
#else
  (void)pulled.pull(mu::ones<3, 2>());
#endif
}
