// expect: [trace] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::trace(mu::ones<3, 3>());
#else
  (void)mu::trace(mu::ones<3>());
#endif
}
