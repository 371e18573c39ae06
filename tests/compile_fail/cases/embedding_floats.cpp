// layer: nn
// expect: [Embedding] indices must be int64 constants
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Embedding<5, 3> table;
#ifdef FIXED
  (void)table(mu::zeros<std::int64_t, 4>());
#else
  (void)table(mu::zeros<4>());
#endif
}
