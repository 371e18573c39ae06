// layer: nn
// expect: [bce] prediction and target must have the same shape
// note-gcc: "(8, 1)"
// note-gcc: "(8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  (void)nn::bce(mu::zeros<8, 1>(), mu::zeros<8, 1>());
#else
  (void)nn::bce(mu::zeros<8, 1>(), mu::zeros<8>());
#endif
}
