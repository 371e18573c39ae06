// layer: autograd
// expect: [checkpoint] has no batched form: call vmap inside of the function
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<3, 2>());
  const auto f = [](const auto& a) { return a * a; };
#ifdef FIXED
  (void)mu::checkpoint([&](const auto& a) { return mu::vmap(f)(a); }, w);
#else
  (void)mu::vmap([&](const auto& a) { return mu::checkpoint(f, a); })(w);
#endif
}
