// layer: nn
// expect: [ctc] vmap does not map it: give it the whole batch
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program(const mu::Tensor<std::int64_t, 4, 3>& labels, const mu::Tensor<std::int64_t, 4>& lengths) {
  const auto steps = mu::fill<std::int64_t, 4>(9);
#ifdef FIXED
  (void)nn::ctc(mu::zeros<9, 4, 5>(), labels, steps, lengths);
#else
  (void)mu::vmap([&](const auto& logs) { return nn::ctc(logs, labels, steps, lengths); })(mu::zeros<2, 9, 4, 5>());
#endif
}
