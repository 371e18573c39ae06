// layer: nn
// expect: [MultiheadAttention] the mask of nn::key_padding must be (batch, keys), of these keys
// note-gcc: "(2, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  (void)attention(x, x, x, nn::key_padding(mu::zeros<bool, 2, 5>()));
#else
  (void)attention(x, x, x, nn::key_padding(mu::zeros<bool, 2, 4>()));
#endif
}
