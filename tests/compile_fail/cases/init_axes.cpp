// layer: nn
// expect: [xavier_uniform] needs at least two axes: (out, in,
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Linear<2, 3> fc;
#ifdef FIXED
  nn::init::xavier_uniform(fc.weight);
#else
  nn::init::xavier_uniform(fc.bias);
#endif
}
