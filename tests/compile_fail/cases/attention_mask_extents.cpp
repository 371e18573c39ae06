// layer: nn
// expect: [MultiheadAttention] the mask of nn::attention_mask must broadcast to (batch, heads, queries, keys)
// note-gcc: "(5, 4)"
// note-gcc: "(2, 2, 5, 5)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  (void)attention(x, x, x, nn::attention_mask(mu::zeros<bool, 5, 5>()));
#else
  (void)attention(x, x, x, nn::attention_mask(mu::zeros<bool, 5, 4>()));
#endif
}
