// layer: nn
// expect: [GRU] a state must be (layers, batch, hidden), of the layer and the batch of x
// note-gcc: "(1, 3, 8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::GRU<4, 8, 2> gru;
#ifdef FIXED
  (void)gru(mu::zeros<3, 5, 4>(), mu::zeros<2, 3, 8>());
#else
  (void)gru(mu::zeros<3, 5, 4>(), mu::zeros<1, 3, 8>());
#endif
}
