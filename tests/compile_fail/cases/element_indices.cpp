// expect: [element] give one index for each axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)a(1, 2);
#else
  (void)a(1);
#endif
}
