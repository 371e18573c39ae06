// expect: [where] the condition must be bool: compare first, as in a != 0
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::where(a > 0, a, 0);
#else
  (void)mu::where(a, a, 0);
#endif
}
