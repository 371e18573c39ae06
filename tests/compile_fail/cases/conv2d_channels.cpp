// layer: nn
// expect: [Conv2d] x must be (batch, channels, height, width) with the layer's In channels
// note-gcc: "(3, 16)"
// note-gcc: "(batch, 1, 28, 28)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const nn::Conv2d<3, 16, 5> conv;
#ifdef FIXED
  const auto x = mu::zeros<batch, 3, 28, 28>(batch = 2);
#else
  const auto x = mu::zeros<batch, 1, 28, 28>(batch = 2);
#endif
  (void)conv(x);
}
