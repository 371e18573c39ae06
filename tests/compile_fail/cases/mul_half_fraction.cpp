// expect: [mul] a fraction does not mix with integers: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::zeros<std::uint8_t, 3>();
#ifdef FIXED
  (void)(a * 2);
#else
  (void)(a * mu::f16(2));
#endif
}
