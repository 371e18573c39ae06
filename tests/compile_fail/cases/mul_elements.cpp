// expect: [mul] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)(a * mu::ones<double, 3>().to<float>());
#else
  (void)(a * mu::ones<double, 3>());
#endif
}
