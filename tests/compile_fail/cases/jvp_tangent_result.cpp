// layer: autograd
// expect: [jvp] the tangent must be a constant: pass its value, t.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = [](const auto& a) { return mu::tanh(a); };
  const auto x = mu::ones<3>();
  const auto w = mu::variable(x);
  const auto t = w * w;
#ifdef FIXED
  (void)mu::jvp(f)(x, t.value());
#else
  (void)mu::jvp(f)(x, t);
#endif
}
