// layer: nn
// expect: [LSTM] a state must be (layers, batch, hidden), of the layer and the batch of x
// note-gcc: "(2, 3, 8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::LSTM<4, 8, 2, float, nn::bidirectional> lstm;  // two layers, two directions: four states
#ifdef FIXED
  const auto h = mu::zeros<4, 3, 8>();
#else
  const auto h = mu::zeros<2, 3, 8>();
#endif
  (void)lstm(mu::zeros<3, 5, 4>(), h, h);
}
