// layer: autograd
// expect: [vmap] the first extents of all mapped arguments must be equal
// note: leading_extents_match
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  const auto f = mu::vmap([](const auto& a, const auto& b) { return mu::sum(a) * b; });
#ifdef FIXED
  (void)f(x, mu::ones<3>());
#else
  (void)f(x, mu::ones<4>());
#endif
}
