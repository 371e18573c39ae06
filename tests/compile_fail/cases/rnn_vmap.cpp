// layer: nn
// expect: [RNN] vmap does not map it: give it the whole batch
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::RNN<4, 8> rnn;
#ifdef FIXED
  (void)rnn(mu::zeros<3, 5, 4>());
#else
  (void)mu::vmap([&](const auto& x) { return std::get<0>(rnn(x)); })(mu::zeros<3, 1, 5, 4>());
#endif
}
