// layer: nn
// expect: [MultiheadAttention] there must be one value for each key
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  (void)attention(x, x, mu::zeros<2, 5, 8>());
#else
  (void)attention(x, x, mu::zeros<2, 4, 8>());
#endif
}
