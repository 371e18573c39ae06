// expect: [cumprod] needs numbers, not bool: cast with .to<std::int64_t>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 3>();
#ifdef FIXED
  (void)mu::cumprod<0>(a.to<std::int64_t>());
#else
  (void)mu::cumprod<0>(a);
#endif
}
