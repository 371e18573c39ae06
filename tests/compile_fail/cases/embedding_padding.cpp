// layer: nn
// expect: [Embedding] Padding must be a row, or -1 for none
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const nn::Embedding<4, 2, 3> words;
#else
  const nn::Embedding<4, 2, 4> words;
#endif
}
