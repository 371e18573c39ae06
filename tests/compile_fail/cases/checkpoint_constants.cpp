// layer: autograd
// expect: [checkpoint] f must take a Traced value for each operand that is no constant: write it for any const auto& x
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)mu::checkpoint([](const auto& x) { return x * 2; }, w);
#else
  mu::checkpoint([](const mu::Tensor<float, 2, 3>& x) { return x * 2; }, w);
#endif
}
