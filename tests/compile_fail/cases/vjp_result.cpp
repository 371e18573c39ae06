// layer: autograd
// expect: [vjp] takes constants or variables: pass the value of a result, x.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = [](const auto& a) { return mu::tanh(a); };
  const auto w = mu::variable(mu::ones<3>());
  const auto x = w * w;
#ifdef FIXED
  (void)mu::vjp(f, x.value());
#else
  (void)mu::vjp(f, x);
#endif
}
