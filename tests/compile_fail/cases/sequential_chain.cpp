// layer: nn
// expect: [Sequential] a layer does not accept the shape that comes out of the one before
// note-gcc: chain_accepts<2,
// note-gcc: "(batch, 3)"
// note-clang: chain_accepts<2U,
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

#ifdef FIXED
using Net = nn::Sequential<nn::Linear<2, 3>, nn::Relu, nn::Linear<3, 1>>;
#else
using Net = nn::Sequential<nn::Linear<2, 3>, nn::Relu, nn::Linear<4, 1>>;
#endif

void program() {
  const Net net;
  (void)net(mu::zeros<batch, 2>(batch = 8));
}
