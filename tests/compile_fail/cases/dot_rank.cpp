// expect: [dot] needs two tensors of rank 1: multiply others with matmul
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::matmul(a, mu::transpose(a));
#else
  (void)mu::dot(a, a);
#endif
}
