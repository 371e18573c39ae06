// layer: autograd
// expect: [value_and_grad] takes constants or variables: pass the value of a result, x.value()
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
  auto w = mu::variable(mu::ones<2, 3>());
  const auto z = w * x;
  (void)z;
#ifdef FIXED
  (void)mu::value_and_grad([](const auto& p) { return mu::sum(p); })(z.value());
#else
  (void)mu::value_and_grad([](const auto& p) { return mu::sum(p); })(z);
#endif
}
