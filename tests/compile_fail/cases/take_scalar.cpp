// expect: [take] a scalar has no rows
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto i = mu::zeros<std::int64_t, 2>();
#ifdef FIXED
  (void)mu::take(mu::ones<3>(), i);
#else
  (void)mu::take(mu::ones<float>(), i);
#endif
}
