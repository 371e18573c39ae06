// layer: autograd
// expect: [element] under vmap a value stands for many
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return a * mu::at<0>(a, 1); })(x);
#else
  (void)mu::vmap([](const auto& a) { return a * a(1); })(x);
#endif
}
