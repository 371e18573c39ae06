// layer: autograd
// expect: [item] under vmap a value stands for many
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return mu::sum(a) * a; })(x);
#else
  (void)mu::vmap([](const auto& a) { return mu::sum(a).item() * a; })(x);
#endif
}
