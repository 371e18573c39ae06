// layer: nn
// expect: [avg_pool] the window must not be greater than x with its padding
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3, 4, 4>();
#ifdef FIXED
  (void)nn::AvgPool2d<4>{}(x);
#else
  (void)nn::AvgPool2d<5>{}(x);
#endif
}
