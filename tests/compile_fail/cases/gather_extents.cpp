// expect: [gather] the indices must have a's extents on every other axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::gather<1>(a, mu::zeros<std::int64_t, 2, 1>());
#else
  (void)mu::gather<1>(a, mu::zeros<std::int64_t, 3, 1>());
#endif
}
