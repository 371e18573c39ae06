// expect: [add] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::zeros<mu::f16, 3>();
  const auto b = mu::zeros<mu::bf16, 3>();
#ifdef FIXED
  (void)(a + b.to<mu::f16>());
#else
  (void)(a + b);
#endif
}
