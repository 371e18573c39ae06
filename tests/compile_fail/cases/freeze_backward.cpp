// layer: nn
// expect: [backward] a constant has no gradient
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::Linear<4, 2> fc;
  const auto x = mu::zeros<3, 4>();
#ifdef FIXED
  fc(x).backward();
#else
  nn::freeze(fc)(x).backward();
#endif
}
