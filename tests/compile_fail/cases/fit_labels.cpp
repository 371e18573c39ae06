// layer: nn
// expect: [cross_entropy] labels must be int64 constants
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

#ifdef FIXED
using Label = std::int64_t;
#else
using Label = float;
#endif

void program() {
  nn::Linear<3, 2> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1}};
  std::vector<std::tuple<mu::Tensor<float, mu::batch, 3>, mu::Tensor<Label, mu::batch>>> batches;
  nn::fit(
      net, batches, [](const auto& p, const auto& y) { return nn::cross_entropy(p, y); }, opt);
}
