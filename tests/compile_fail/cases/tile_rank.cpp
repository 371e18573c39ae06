// expect: [tile] at most 8 axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::tile<1, 1, 1, 1, 1, 1, 2, 1>(a);
#else
  (void)mu::tile<1, 1, 1, 1, 1, 1, 1, 2, 1>(a);
#endif
}
