// layer: autograd
// expect-gcc: use of deleted function
// expect-clang: overload resolution selected deleted operator '='
// note: say w.set(other.value()), or w = other.clone()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  auto v = w.clone();
  v.set(w.value());
#else
  auto v = w.clone();
  v = w;
#endif
}
