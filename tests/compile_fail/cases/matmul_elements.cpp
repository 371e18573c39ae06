// expect: [matmul] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<double, 3, 4>();
#ifdef FIXED
  (void)mu::matmul(a.to<double>(), b);
#else
  (void)mu::matmul(a, b);
#endif
}
