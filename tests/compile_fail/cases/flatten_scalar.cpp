// expect: [flatten] a scalar has no axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<>();
#ifdef FIXED
  (void)mu::flatten(mu::unsqueeze<0>(a));
#else
  (void)mu::flatten(a);
#endif
}
