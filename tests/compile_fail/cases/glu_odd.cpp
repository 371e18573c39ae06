// layer: nn
// expect: [glu] the axis must have two halves: its extent is to be an even number
// note-gcc: "(4, 5)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  (void)nn::glu(mu::zeros<4, 6>());
#else
  (void)nn::glu(mu::zeros<4, 5>());
#endif
}
