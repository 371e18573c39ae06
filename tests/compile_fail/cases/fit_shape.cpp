// layer: nn
// expect: [Linear] the last extent of x must be the layer's In
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

#ifdef FIXED
using Net = nn::Linear<3, 2>;
#else
using Net = nn::Linear<4, 2>;
#endif

void program() {
  Net net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  std::vector<std::tuple<mu::Tensor<float, mu::batch, 3>, mu::Tensor<std::int64_t, mu::batch>>> batches;
  nn::fit(
      net, batches, [](const auto& p, const auto& y) { return nn::cross_entropy(p, y); }, opt);
}
