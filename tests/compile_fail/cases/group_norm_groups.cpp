// layer: nn
// expect: [GroupNorm] Channels must be a multiple of Groups
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::GroupNorm<2, 6> norm;
  (void)norm;
#else
  const nn::GroupNorm<4, 6> norm;
  (void)norm;
#endif
}
