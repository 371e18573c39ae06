// layer: nn
// expect: [RNN] give it one state, or none for zeros
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::RNN<3, 4> rnn;
  const auto x = mu::zeros<2, 5, 3>();
  const auto h = mu::zeros<1, 2, 4>();
#ifdef FIXED
  (void)rnn(x, h);
#else
  (void)rnn(x, h, h);
#endif
}
