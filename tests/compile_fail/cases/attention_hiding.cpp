// layer: nn
// expect: [MultiheadAttention] behind the values there may be nn::causal, nn::key_padding(mask) and nn::attention_mask(mask)
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
  const auto padding = mu::zeros<bool, 2, 5>();
#ifdef FIXED
  (void)attention(x, x, x, nn::key_padding(padding));
#else
  (void)attention(x, x, x, padding);
#endif
}
