// layer: nn
// expect: [cross_entropy] the weights must be constants of the logits' element type: pass w.value(), or cast with .to<T>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 3>();
  const auto y = mu::zeros<std::int64_t, 8>();
  const auto w = mu::variable(mu::ones<3>());
#ifdef FIXED
  (void)nn::cross_entropy(x, y, w.value());
#else
  (void)nn::cross_entropy(x, y, w);
#endif
}
