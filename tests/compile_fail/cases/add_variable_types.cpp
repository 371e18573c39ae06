// layer: autograd
// expect: [add] both tensors must have the same element type: cast with .to<T>()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)(w.to<double>() + x.to<double>());
#else
  (void)(w + x.to<double>());
#endif
}
