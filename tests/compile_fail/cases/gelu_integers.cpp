// layer: nn
// expect: [gelu] needs a float element type
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  (void)nn::gelu(mu::zeros<3>());
#else
  (void)nn::gelu(mu::zeros<int, 3>());
#endif
}
