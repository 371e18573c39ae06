// layer: autograd
// expect: [on_gradient] under create_graph, too, the hook must give nothing, or a gradient of the value's element type and extents
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Hook {
  auto operator()(const mu::Tensor<float, 2, 3>& g) const { return g * 2; }
#ifdef FIXED
  auto operator()(const mu::Traced<float, 2, 3>& g) const { return g * 2; }
#else
  auto operator()(const mu::Traced<float, 2, 3>& g) const { return mu::sum(g); }
#endif
};

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * w;
  z.on_gradient(Hook{});
}
