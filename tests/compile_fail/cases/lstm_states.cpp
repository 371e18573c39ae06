// layer: nn
// expect: [LSTM] give it both states, h and c, or none for zeros
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::LSTM<4, 8> lstm;
  const auto h = mu::zeros<1, 3, 8>();
#ifdef FIXED
  (void)lstm(mu::zeros<3, 5, 4>(), h, h);
#else
  (void)lstm(mu::zeros<3, 5, 4>(), h);
#endif
}
