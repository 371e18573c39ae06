// layer: autograd
// expect: [backward] under vmap gradients are not gathered
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  auto w = mu::variable(mu::ones<2>());
  (void)w;
#ifdef FIXED
  mu::sum(mu::vmap([&](const auto& a) { return a * w; })(x)).backward();
#else
  (void)mu::vmap([&](const auto& a) {
    (a * w).backward();
    return a;
  })(x);
#endif
}
