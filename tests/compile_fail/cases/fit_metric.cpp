// layer: nn
// expect: [fit] a metric must take a prediction and a target, both constants
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  nn::Linear<3, 2> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  std::vector<std::tuple<mu::Tensor<float, mu::batch, 3>, mu::Tensor<float, mu::batch, 2>>> batches;
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
#ifdef FIXED
  nn::fit(net, batches, mse, opt, {.validate = batches, .metrics = {{"mse", mse}}});
#else
  nn::fit(net, batches, mse, opt, {.validate = batches, .metrics = {{"mse", [](const auto& p) { return p; }}}});
#endif
}
