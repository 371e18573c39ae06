// expect: [max_pool] the window must not be greater than x with its padding
// note-gcc: "(2, 3, 2, 8)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3, 2, 8>();
#ifdef FIXED
  (void)mu::max_pool<mu::PerAxis{2, 3}>(x);
#else
  (void)mu::max_pool<3>(x);
#endif
}
