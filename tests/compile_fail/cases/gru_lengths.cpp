// layer: nn
// expect: [GRU] lengths must be (batch), of the batch of x
// note-gcc: "(3, 5, 4)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::GRU<4, 8> gru;
#ifdef FIXED
  const auto lengths = mu::fill<std::int64_t, 3>(2);
#else
  const auto lengths = mu::fill<std::int64_t, 5>(2);
#endif
  (void)gru(mu::zeros<3, 5, 4>(), lengths);
}
