// layer: autograd
// expect: [vmap] a scalar has no axis to map: pass what is one for all as mu::unmapped(x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  const auto f = mu::vmap([](const auto& a, const auto& b) { return a * b; });
#ifdef FIXED
  (void)f(x, mu::unmapped(mu::ones<>()));
#else
  (void)f(x, mu::ones<>());
#endif
}
