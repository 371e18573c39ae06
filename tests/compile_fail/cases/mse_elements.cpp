// layer: nn
// expect: [mse] prediction and target must have the same float element type: cast with .to<T>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  (void)nn::mse(mu::zeros<3>(), mu::zeros<3>());
#else
  (void)nn::mse(mu::zeros<3>(), mu::zeros<double, 3>());
#endif
}
