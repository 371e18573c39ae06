// layer: autograd
// expect: [vjp] say at what: vjp(f, x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = [](const auto&... a) { return mu::tanh((a + ... + mu::variable(mu::ones<3>()))); };
#ifdef FIXED
  (void)mu::vjp(f, mu::ones<3>());
#else
  (void)mu::vjp(f);
#endif
}
