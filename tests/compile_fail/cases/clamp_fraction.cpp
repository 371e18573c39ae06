// expect: [clamp] a fraction does not mix with integers: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::arange<std::int64_t, 3>();
#ifdef FIXED
  (void)mu::clamp(a, 0, 2);
#else
  (void)mu::clamp(a, 0.5, 2);
#endif
}
