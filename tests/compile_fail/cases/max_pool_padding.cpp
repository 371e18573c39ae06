// layer: nn
// expect: [max_pool] the padding must be at most half of the window
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3, 4, 4>();
#ifdef FIXED
  (void)nn::MaxPool2d<2, 2, 1>{}(x);
#else
  (void)nn::MaxPool2d<2, 2, 2>{}(x);
#endif
}
