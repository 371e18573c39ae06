// expect: [transpose] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::transpose(mu::unsqueeze<0>(a));
#else
  (void)mu::transpose(a);
#endif
}
