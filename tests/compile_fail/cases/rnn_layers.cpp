// layer: nn
// expect: [RNN] from 1 to 99 layers
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

#ifdef FIXED
nn::RNN<4, 8, 2> rnn;
#else
nn::RNN<4, 8, 0> rnn;
#endif
