// layer: nn
// expect: [Conv2d] the kernel must not be greater than x with its padding
// note-gcc: "(2, 3, 4, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3, 4, 4>();
#ifdef FIXED
  (void)nn::Conv2d<3, 4, 5, 1, 2>{}(x);
#else
  (void)nn::Conv2d<3, 4, 5>{}(x);
#endif
}
