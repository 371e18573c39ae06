// expect: [div] needs numbers, not bool: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 3>();
#ifdef FIXED
  (void)(a.to<float>() / 2);
#else
  (void)(a / a);
#endif
}
