// layer: nn
// expect: [LSTM] x and states must have the layer's element type: cast with .to<T>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::LSTM<4, 8> lstm;
#ifdef FIXED
  (void)lstm(mu::zeros<3, 5, 4>());
#else
  (void)lstm(mu::zeros<double, 3, 5, 4>());
#endif
}
