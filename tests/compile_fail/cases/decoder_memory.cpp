// layer: nn
// expect: [TransformerDecoderLayer] the memory must be (batch, time, width) with the layer's Width
// note-gcc: "(2, 4, 9)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::TransformerDecoderLayer<8, 2, 16> layer;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  (void)layer(x, mu::zeros<2, 4, 8>());
#else
  (void)layer(x, mu::zeros<2, 4, 9>());
#endif
}
