// layer: nn
// expect: [BatchNorm2d] x must be (batch, channels, height, width) with the layer
// note-gcc: "(8, 4, 2, 2)"
// note-gcc: "(3)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::BatchNorm2d<3> norm;
#ifdef FIXED
  (void)norm(mu::zeros<8, 3, 2, 2>());
#else
  (void)norm(mu::zeros<8, 4, 2, 2>());
#endif
}
