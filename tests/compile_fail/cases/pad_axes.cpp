// expect: [pad] more pairs than axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::pad<1, 1, 0, 0>(a);
#else
  (void)mu::pad<1, 1, 0, 0, 0, 0>(a);
#endif
}
