// expect: [triu] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::triu(mu::unsqueeze<0>(a));
#else
  (void)mu::triu(a);
#endif
}
