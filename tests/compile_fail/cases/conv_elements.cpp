// expect: [conv] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<1, 1, 4, 4>();
#ifdef FIXED
  (void)mu::conv(x, mu::ones<1, 1, 3, 3>());
#else
  (void)mu::conv(x, mu::ones<double, 1, 1, 3, 3>());
#endif
}
