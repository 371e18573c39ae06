// expect: [isnan] needs a float element type: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 3>();
#ifdef FIXED
  (void)mu::isnan(a.to<float>());
#else
  (void)mu::isnan(a);
#endif
}
