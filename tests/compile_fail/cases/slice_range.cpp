// expect: [slice] the range must lie within the axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::slice<0, 2, 6>(a);
#else
  (void)mu::slice<0, 2, 7>(a);
#endif
}
