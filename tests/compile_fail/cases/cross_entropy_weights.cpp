// layer: nn
// expect: [cross_entropy] there must be one weight for each class
// note-gcc: "(8, 3)"
// note-gcc: "(8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 3>();
  const auto y = mu::zeros<std::int64_t, 8>();
#ifdef FIXED
  (void)nn::cross_entropy(x, y, mu::ones<3>());
#else
  (void)nn::cross_entropy(x, y, mu::ones<8>());
#endif
}
