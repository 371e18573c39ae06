// expect: [capture] the function returns nothing, a tensor, or a tuple of tensors
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2>();
#ifdef FIXED
  (void)mu::capture([&] { return x * 2.0f; });
#else
  (void)mu::capture([&] { return 2.0f; });
#endif
}
