// layer: nn
// expect: [Dropout] needs a float element type: cast with .to<float>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<std::int64_t, 2>();
#ifdef FIXED
  (void)nn::Dropout{}(x.to<float>());
#else
  (void)nn::Dropout{}(x);
#endif
}
