// expect: [outer] needs numbers, not bool: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 3>();
#ifdef FIXED
  (void)mu::outer(a.to<float>(), a.to<float>());
#else
  (void)mu::outer(a, a);
#endif
}
