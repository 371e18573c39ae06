// expect: [grad] a constant has no gradient: make it a variable with mu::variable(x)
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)a;
#else
  (void)a.grad();
#endif
}
