// layer: nn
// expect: [cosine_embedding] targets must be int64 constants
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 3>();
#ifdef FIXED
  (void)nn::cosine_embedding(x, x, mu::ones<std::int64_t, 8>());
#else
  (void)nn::cosine_embedding(x, x, mu::ones<8>());
#endif
}
