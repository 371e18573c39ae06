// layer: nn
// expect: [GroupNorm] x must be (batch, channels,
// expect: with the layer's channels
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 6, 3>();
#ifdef FIXED
  (void)nn::GroupNorm<2, 6>{}(x);
#else
  (void)nn::GroupNorm<2, 4>{}(x);
#endif
}
