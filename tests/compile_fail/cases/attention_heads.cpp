// layer: nn
// expect: [MultiheadAttention] Width must be a multiple of Heads
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::MultiheadAttention<8, 2> attention;
  (void)attention;
#else
  const nn::MultiheadAttention<8, 3> attention;
  (void)attention;
#endif
}
