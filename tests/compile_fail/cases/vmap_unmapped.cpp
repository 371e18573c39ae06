// layer: autograd
// expect: [vmap] no argument is mapped: leave out mu::unmapped for those that differ
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  const auto f = mu::vmap([](const auto& a) { return a + 1; });
#ifdef FIXED
  (void)f(x);
#else
  (void)f(mu::unmapped(x));
#endif
}
