// layer: nn
// expect: [MultiheadAttention] values must be (batch, time, width) with the layer's Width
// note-gcc: "(2, 5, 6)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  (void)attention(x, x, x);
#else
  (void)attention(x, x, mu::zeros<2, 5, 6>());
#endif
}
