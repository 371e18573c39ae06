// layer: nn
// expect: [kl_div] prediction and target must have the same shape
// note-gcc: "(2, 1)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3>();
#ifdef FIXED
  (void)nn::kl_div(x, mu::broadcast_to<2, 3>(mu::zeros<2, 1>()));
#else
  (void)nn::kl_div(x, mu::zeros<2, 1>());
#endif
}
