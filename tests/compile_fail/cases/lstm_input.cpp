// layer: nn
// expect: [LSTM] x must be (batch, time, features) with the layer's In
// note-gcc: "(3, 5, 6)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::LSTM<4, 8> lstm;
#ifdef FIXED
  (void)lstm(mu::zeros<3, 5, 4>());
#else
  (void)lstm(mu::zeros<3, 5, 6>());
#endif
}
