// layer: nn
// expect: [mse] prediction and target must have the same shape
// note-gcc: "(batch, 3)"
// note-gcc: "(3)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto p = mu::zeros<batch, 3>(batch = 8);
#ifdef FIXED
  (void)nn::mse(p, mu::zeros<batch, 3>(batch = 8));
#else
  (void)nn::mse(p, mu::zeros<3>());
#endif
}
