// expect: [unsqueeze] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::unsqueeze<2>(a);
#else
  (void)mu::unsqueeze<3>(a);
#endif
}
