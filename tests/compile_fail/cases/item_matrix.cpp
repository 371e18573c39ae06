// expect: [item] only a tensor of rank 0 is one value
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::sum(a).item();
#else
  (void)a.item();
#endif
}
