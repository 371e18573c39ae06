// layer: autograd
// expect: [to_vector] under vmap a value stands for many
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return a * a; })(x).to_vector();
#else
  (void)mu::vmap([](const auto& a) {
    (void)a.to_vector();
    return a * a;
  })(x);
#endif
}
