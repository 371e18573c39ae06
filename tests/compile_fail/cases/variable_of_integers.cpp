// layer: autograd
// expect: [variable] only float types have gradients: cast with .to<float>()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  auto v = mu::variable(mu::ones<std::int64_t, 2>().to<float>());
#else
  auto v = mu::variable(mu::ones<std::int64_t, 2>());
#endif
}
