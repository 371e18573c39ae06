// expect: [tile] a number must not be negative
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::tile<2, 1>(a);
#else
  (void)mu::tile<2, -1>(a);
#endif
}
