// layer: nn
// expect: [ConvTranspose2d] the output padding must be less than the stride or the dilation, and not negative
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::ConvTranspose2d<3, 4, 3, 2, 1, 1> conv;
#else
  const nn::ConvTranspose2d<3, 4, 3, 2, 1, 2> conv;
#endif
}
