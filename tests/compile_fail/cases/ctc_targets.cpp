// layer: nn
// expect: [ctc] logarithms (time, batch, classes) need labels (batch, most) or (all), steps (batch) and lengths (batch)
// note-gcc: "(9, 4, 5)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program(const mu::Tensor<std::int64_t, 4, 3>& labels, const mu::Tensor<std::int64_t, 4>& lengths) {
#ifdef FIXED
  const auto steps = mu::fill<std::int64_t, 4>(9);
#else
  const auto steps = mu::fill<std::int64_t, 9>(4);
#endif
  (void)nn::ctc(mu::zeros<9, 4, 5>(), labels, steps, lengths);
}
