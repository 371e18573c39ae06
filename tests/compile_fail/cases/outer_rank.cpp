// expect: [outer] needs two tensors of rank 1
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::outer(mu::ones<3>(), mu::ones<4>());
#else
  (void)mu::outer(a, b);
#endif
}
