// expect: [floor_divide] needs integers: of floats take floor(a / b)
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::floor_divide(a.to<std::int32_t>(), 2);
#else
  (void)mu::floor_divide(a, 2);
#endif
}
