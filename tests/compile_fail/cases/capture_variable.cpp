// layer: autograd
// expect: [capture] inputs are constants: give the value, x.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::variable(mu::ones<2>());
  const auto twice = [](const auto& a) { return a * 2.0f; };
#ifdef FIXED
  (void)mu::capture(twice, x.value());
#else
  (void)mu::capture(twice, x);
#endif
}
