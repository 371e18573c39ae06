// layer: nn
// expect: [Sequential] from 1 to 64 layers
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3>();
#ifdef FIXED
  (void)nn::Sequential<nn::Relu>{}(x);
#else
  (void)nn::Sequential<>{}(x);
#endif
}
