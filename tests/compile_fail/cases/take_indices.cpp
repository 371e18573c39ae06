// expect: [take] the indices must be std::int64_t: cast with .to<std::int64_t>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<int, 4>();
#ifdef FIXED
  (void)mu::take(a, i.to<std::int64_t>());
#else
  (void)mu::take(a, i);
#endif
}
