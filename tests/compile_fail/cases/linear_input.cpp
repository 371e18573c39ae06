// layer: nn
// expect: [Linear] the last extent of x must be the layer's In
// note-gcc: "(4, 2)"
// note-gcc: "(batch, 5)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const nn::Linear<4, 2> fc;
#ifdef FIXED
  (void)fc(mu::zeros<batch, 4>(batch = 8));
#else
  (void)fc(mu::zeros<batch, 5>(batch = 8));
#endif
}
