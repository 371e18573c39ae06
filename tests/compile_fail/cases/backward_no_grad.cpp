// layer: autograd
// expect: [backward] a constant has no gradient
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  z.backward();
#else
  mu::no_grad([&] { return w * x; }).backward();
#endif
}
