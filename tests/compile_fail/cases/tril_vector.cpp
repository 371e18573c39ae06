// expect: [tril] needs at least two axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::tril(mu::ones<3, 3>());
#else
  (void)mu::tril(mu::ones<3>());
#endif
}
