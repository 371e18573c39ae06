// expect: [diagonal] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::diagonal(mu::ones<3, 3>());
#else
  (void)mu::diagonal(mu::ones<3>());
#endif
}
