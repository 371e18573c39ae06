// layer: autograd
// expect: [on_gradient] of a constant gradient the hook must give a constant: pass its value, x.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * w;
#ifdef FIXED
  z.on_gradient([&](const mu::Tensor<float, 2, 3>& g) { return g * w.value(); });
#else
  z.on_gradient([&](const mu::Tensor<float, 2, 3>& g) { return g * w; });
#endif
}
