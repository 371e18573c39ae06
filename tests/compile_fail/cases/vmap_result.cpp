// layer: autograd
// expect: [vmap] f must give tensors: one, or a std::tuple of them
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return mu::ones<1>() * a; })(x);
#else
  (void)mu::vmap([](const auto&) { return 1.0; })(x);
#endif
}
