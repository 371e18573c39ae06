// layer: autograd
// expect: [vjp] the cotangent must be a constant: pass its value, g.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = [](const auto& a) { return mu::tanh(a); };
  auto [value, pull] = mu::vjp(f, mu::ones<3>());
  const auto g = mu::variable(value);
#ifdef FIXED
  (void)pull(g.value());
#else
  (void)pull(g);
#endif
}
