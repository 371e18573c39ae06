// layer: nn
// expect: [flops] the compiler knows layers that tell their flops, and nn::Sequential of them
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  nn::Linear<3, 2> fc;
  auto operator()(const auto& x) const { return fc(x); }
  MUSHIN_MODULE(Net, fc)
};

void program() {
  using X = mu::Tensor<float, 8, 3>;
#ifdef FIXED
  static_assert(nn::flops<nn::Sequential<nn::Linear<3, 2>>, X> == 96);
#else
  static_assert(nn::flops<Net, X> == 96);
#endif
}
