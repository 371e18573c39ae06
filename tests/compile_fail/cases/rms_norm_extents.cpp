// layer: nn
// expect: [RMSNorm] the last extents of x must be the layer's
// note-gcc: "(8, 4)"
// note-gcc: "(3)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::RMSNorm<3> norm;
#ifdef FIXED
  (void)norm(mu::zeros<8, 3>());
#else
  (void)norm(mu::zeros<8, 4>());
#endif
}
