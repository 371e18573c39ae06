// layer: nn
// expect: [bce_with_logits] the weights must broadcast to the logits
// note-gcc: "(8, 3)"
// note-gcc: "(8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 3>();
#ifdef FIXED
  (void)nn::bce_with_logits(x, x, mu::ones<3>());
#else
  (void)nn::bce_with_logits(x, x, mu::ones<8>());
#endif
}
