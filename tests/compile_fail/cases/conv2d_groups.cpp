// layer: nn
// expect: [Conv2d] Groups must divide In and Out
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::Conv2d<6, 9, 3, 1, 0, 1, 3> conv;
#else
  const nn::Conv2d<6, 9, 3, 1, 0, 1, 2> conv;
#endif
  (void)conv;
}
