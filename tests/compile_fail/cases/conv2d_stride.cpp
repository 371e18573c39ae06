// layer: nn
// expect: [Conv2d] kernels, strides and dilations must be positive, paddings not negative
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::Conv2d<3, 4, 3, 1> conv;
#else
  const nn::Conv2d<3, 4, 3, 0> conv;
#endif
}
