// layer: nn
// expect: [LSTMCell] x must be (batch, features) with the layer's In
// note-gcc: "(3, 5, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::LSTMCell<4, 8> cell;
  const auto h = mu::zeros<3, 8>();
#ifdef FIXED
  (void)cell(mu::zeros<3, 4>(), h, h);
#else
  (void)cell(mu::zeros<3, 5, 4>(), h, h);
#endif
}
