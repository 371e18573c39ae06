// layer: nn
// expect: [RNN] a sequence must have one step at least
// note-gcc: "(3, 0, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::RNN<4, 8> rnn;
#ifdef FIXED
  (void)rnn(mu::zeros<3, 1, 4>());
#else
  (void)rnn(mu::zeros<3, 0, 4>());
#endif
}
