// layer: autograd
// expect: [set] takes a constant: pass the value, x.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  w.set((w * 2).value());
#else
  w.set(w * 2);
#endif
}
