// layer: autograd
// expect: [to] a variable stays on its device: move the value, x.value().to(device)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  auto w = mu::variable(mu::ones<3>());
  const auto device = mu::default_device();
#ifdef FIXED
  (void)mu::to(w.value(), device);
#else
  (void)mu::to(w, device);
#endif
}
