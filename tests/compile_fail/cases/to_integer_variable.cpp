// layer: autograd
// expect: [to] only float types have a gradient: cast the value
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)w.value().to<std::int64_t>();
#else
  (void)w.to<std::int64_t>();
#endif
}
