// layer: nn
// expect: [Conv3d] x must be (batch, channels, depth, height, width) with the layer's In channels
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3, 8, 8>();
#ifdef FIXED
  (void)nn::Conv2d<3, 4, 3>{}(x);
#else
  (void)nn::Conv3d<3, 4, 3>{}(x);
#endif
}
