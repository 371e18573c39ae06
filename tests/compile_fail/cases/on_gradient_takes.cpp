// layer: autograd
// expect: [on_gradient] the hook must take the gradient, a constant of the value's element type and extents
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  w.on_gradient([](const mu::Tensor<float, 2, 3>&) {});
#else
  w.on_gradient([](const mu::Tensor<float, 3, 2>&) {});
#endif
}
