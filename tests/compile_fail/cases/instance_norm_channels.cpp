// layer: nn
// expect: [InstanceNorm2d] x must be (batch, channels, height, width) with the layer's channels
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 6, 3, 3>();
#ifdef FIXED
  (void)nn::InstanceNorm2d<6>{}(x);
#else
  (void)nn::InstanceNorm2d<4>{}(x);
#endif
}
