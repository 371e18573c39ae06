// layer: autograd
// expect: [gradcheck] f must take a Traced value for each operand of a float type: write it for any const auto& x
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::gradcheck([](const auto& a) { return a * 2; }, x);
#else
  (void)mu::gradcheck([](const mu::Tensor<float, 2, 3>& a) { return a * 2; }, x);
#endif
}
