// layer: autograd
// expect: [jacobian] say at what: jacobian(f)(x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto f = mu::jacobian([](const auto&... p) { return (mu::ones<2>() * ... * p); });
#ifdef FIXED
  (void)f(mu::ones<2>());
#else
  (void)f();
#endif
}
