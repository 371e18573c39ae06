// layer: nn
// expect: [triplet] prediction and target must have the same shape
// note-gcc: "(8, 3)"
// note-gcc: "(8, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 3>();
#ifdef FIXED
  (void)nn::triplet(x, x, x);
#else
  (void)nn::triplet(x, x, mu::zeros<8, 4>());
#endif
}
