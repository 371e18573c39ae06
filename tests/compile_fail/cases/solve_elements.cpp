// expect: [solve] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::eye<3, 3>();
  const auto b = mu::ones<double, 3>();
#ifdef FIXED
  (void)mu::solve(a, b.to<float>());
#else
  (void)mu::solve(a, b);
#endif
}
