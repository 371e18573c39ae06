// expect: [cumsum] needs numbers, not bool
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 2, 3>();
#ifdef FIXED
  (void)mu::cumsum<1>(a.to<std::int64_t>());
#else
  (void)mu::cumsum<1>(a);
#endif
}
