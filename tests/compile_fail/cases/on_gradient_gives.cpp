// layer: autograd
// expect: [on_gradient] the hook must give nothing, or a gradient of the value's element type and extents
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * w;
#ifdef FIXED
  z.on_gradient([](const auto& g) { return g * 2; });
#else
  z.on_gradient([](const auto& g) { return mu::sum(g); });
#endif
}
