// expect: [stack] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<double, 2, 3>();
#ifdef FIXED
  (void)mu::stack<0>(a, b.to<float>());
#else
  (void)mu::stack<0>(a, b);
#endif
}
