// expect: [less] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)(a < mu::ones<3>());
#else
  (void)(a < mu::ones<std::int64_t, 3>());
#endif
}
