// expect: [stack] at most 8 axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<1, 1, 1, 1, 1, 1, 1, 2>();
#ifdef FIXED
  (void)mu::concat<0>(a, a);
#else
  (void)mu::stack<0>(a, a);
#endif
}
