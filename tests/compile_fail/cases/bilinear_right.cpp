// layer: nn
// expect: [Bilinear] the last extent of z must be the layer's Right
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Bilinear<3, 4, 2> layer;
#ifdef FIXED
  (void)layer(mu::zeros<8, 3>(), mu::zeros<8, 4>());
#else
  (void)layer(mu::zeros<8, 3>(), mu::zeros<8, 3>());
#endif
}
