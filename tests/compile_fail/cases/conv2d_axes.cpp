// layer: nn
// expect: [Conv2d] give one number for all axes, or one for each
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::Conv3d<3, 4, mu::PerAxis{3, 3, 3}> conv;
#else
  const nn::Conv2d<3, 4, mu::PerAxis{3, 3, 3}> conv;
#endif
}
