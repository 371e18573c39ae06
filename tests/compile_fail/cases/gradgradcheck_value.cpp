// layer: autograd
// expect: [gradgradcheck] f must give one tensor made from its operands
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::gradgradcheck([](const auto& a) { return a * 2; }, x);
#else
  (void)mu::gradgradcheck([](const auto& a) { return a.value() * 2; }, x);
#endif
}
