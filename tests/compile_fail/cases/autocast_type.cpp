// layer: nn
// expect: [autocast] the type must be mu::bf16, mu::f16 or float
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::autocast<mu::bf16> narrow;
#else
  const nn::autocast<double> narrow;
#endif
}
