// layer: nn
// expect: [TransformerEncoderLayer] x must be (batch, time, width) with the layer's Width
// note-gcc: "(2, 5, 9)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::TransformerEncoderLayer<8, 2, 16> layer;
#ifdef FIXED
  (void)layer(mu::zeros<2, 5, 8>());
#else
  (void)layer(mu::zeros<2, 5, 9>());
#endif
}
