// layer: nn
// expect: [Sequential] a layer that is no module must be a plain value, to be copied
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Block {
  nn::Linear<3, 3> inner;
  auto operator()(const auto& x) const { return inner(x) + x; }
#ifdef FIXED
  MUSHIN_MODULE(Block, inner)
#endif
};

void program() {
  const nn::Sequential<nn::Relu, Block> net;
  (void)nn::parameters(net);
}
