// layer: nn
// expect: [MultiheadAttention] queries and keys must be of one batch
// note-gcc: "(3, 4, 8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::zeros<2, 5, 8>();
#ifdef FIXED
  const auto memory = mu::zeros<2, 4, 8>();
  (void)attention(x, memory, memory);
#else
  const auto memory = mu::zeros<3, 4, 8>();
  (void)attention(x, memory, memory);
#endif
}
