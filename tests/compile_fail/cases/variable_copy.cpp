// layer: autograd
// expect-gcc: use of deleted function
// expect-clang: call to deleted constructor
// note: say w.clone(): a copy would take the gradient with it unseen
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  auto v = w.clone();
#else
  auto v = w;
#endif
}
