// layer: nn
// expect: [mse] prediction and target must have the same shape
// note-gcc: "(8, 1)"
// note-gcc: "(8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Linear<2, 1> fc;
  const auto x = mu::zeros<8, 2>();
#ifdef FIXED
  (void)nn::mse(fc(x), mu::zeros<8, 1>());
#else
  (void)nn::mse(fc(x), mu::zeros<8>());
#endif
}
