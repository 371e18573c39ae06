// layer: nn
// expect: [nll] logits (
// expect: one label for each row
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<2, 3>();
#ifdef FIXED
  (void)nn::nll(x, mu::zeros<std::int64_t, 2>());
#else
  (void)nn::nll(x, mu::zeros<std::int64_t, 3>());
#endif
}
