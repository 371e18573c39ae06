// expect: [take] at most 8 axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<std::int64_t, 1, 1, 1, 1, 1, 1, 1, 2>();
#ifdef FIXED
  (void)mu::take(a, mu::reshape<1, 1, 1, 1, 1, 1, 2>(i));
#else
  (void)mu::take(a, i);
#endif
}
