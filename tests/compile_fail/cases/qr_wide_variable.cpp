// layer: autograd
// expect: [qr] has a gradient only where there are as many rows as columns
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)mu::qr(w.value());
#else
  (void)mu::qr(w);
#endif
}
