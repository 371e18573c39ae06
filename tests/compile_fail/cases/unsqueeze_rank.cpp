// expect: [unsqueeze] at most 8 axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<1, 1, 1, 1, 1, 1, 1, 2>();
#ifdef FIXED
  (void)mu::unsqueeze<0>(mu::squeeze<0>(a));
#else
  (void)mu::unsqueeze<0>(a);
#endif
}
