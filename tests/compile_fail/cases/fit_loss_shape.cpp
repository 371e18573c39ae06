// layer: nn
// expect: [fit] the loss must be a scalar: the mean over the batch
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  nn::Linear<3, 2> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  std::vector<std::tuple<mu::Tensor<float, mu::batch, 3>, mu::Tensor<float, mu::batch, 2>>> batches;
#ifdef FIXED
  nn::fit(
      net, batches, [](const auto& p, const auto& y) { return nn::mse(p, y); }, opt);
#else
  nn::fit(
      net, batches, [](const auto& p, const auto& y) { return nn::mse<nn::Reduction::none>(p, y); }, opt);
#endif
}
