// expect: [one_hot] at most 8 axes
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto i = mu::zeros<std::int64_t, 1, 1, 1, 1, 1, 1, 1, 2>();
#ifdef FIXED
  (void)mu::one_hot<4>(mu::squeeze<0>(i));
#else
  (void)mu::one_hot<4>(i);
#endif
}
