// expect: [backward] a constant has no gradient: make the operands variables with mu::variable(x)
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::sum(a);
#else
  mu::sum(a).backward();
#endif
}
