// layer: nn
// expect: [Linear] x must have the layer's element type: cast with .to<T>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Linear<4, 2> fc;
#ifdef FIXED
  (void)fc(mu::zeros<3, 4>());
#else
  (void)fc(mu::zeros<double, 3, 4>());
#endif
}
