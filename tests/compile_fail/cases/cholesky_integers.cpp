// expect: [cholesky] needs float or double elements
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::eye<std::int64_t, 3, 3>();
#ifdef FIXED
  (void)mu::cholesky(a.to<double>());
#else
  (void)mu::cholesky(a);
#endif
}
