// expect: [outer] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
  const auto b = mu::ones<double, 4>();
#ifdef FIXED
  (void)mu::outer(a, b.to<float>());
#else
  (void)mu::outer(a, b);
#endif
}
