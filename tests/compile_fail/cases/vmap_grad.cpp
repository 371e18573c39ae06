// layer: autograd
// expect: [grad] under vmap w is one value for all, and has one gradient for each: take that of a function, mu::value_and_grad(f)(w)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
  auto w = mu::variable(mu::ones<2>());
  (void)w;
#ifdef FIXED
  (void)mu::vmap([&](const auto& a) { return mu::value_and_grad([&](const auto& p) { return mu::sum(a * p); })(w).grad; })(x);
#else
  (void)mu::vmap([&](const auto& a) { return mu::grad(mu::sum(a * w), w); })(x);
#endif
}
