// layer: autograd
// expect: [vmap] at most 8 axes, the mapped ones among them
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  const auto wide = mu::ones<1, 1, 1, 1, 1, 1, 1, 2>();
  (void)wide;
#ifdef FIXED
  (void)mu::vmap([&](const auto& a) { return mu::sum(a) * mu::squeeze<0>(wide); })(x);
#else
  (void)mu::vmap([&](const auto& a) { return std::tuple{a, wide}; })(x);
#endif
}
