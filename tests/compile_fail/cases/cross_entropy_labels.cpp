// layer: nn
// expect: [cross_entropy] labels must be int64 constants
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto logits = mu::zeros<8, 10>();
#ifdef FIXED
  (void)nn::cross_entropy(logits, mu::zeros<std::int64_t, 8>());
#else
  (void)nn::cross_entropy(logits, mu::zeros<8>());
#endif
}
