// expect: [broadcast_to] extents must be equal or 1, counted from the last
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::broadcast_to<4, 3>(a);
#else
  (void)mu::broadcast_to<4, 2>(a);
#endif
}
