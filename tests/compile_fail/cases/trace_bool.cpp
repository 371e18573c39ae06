// expect: [trace] needs numbers, not bool: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 2, 3>();
#ifdef FIXED
  (void)mu::trace(a.to<float>());
#else
  (void)mu::trace(a);
#endif
}
