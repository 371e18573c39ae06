// layer: nn
// expect: [flops] all extents of the input must be numbers
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  static_assert(nn::flops<nn::Linear<3, 2>, mu::Tensor<float, 8, 3>> == 96);
#else
  static_assert(nn::flops<nn::Linear<3, 2>, mu::Tensor<float, mu::batch, 3>> == 96);
#endif
}
