// expect: [einsum] needs numbers, not bool: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::einsum<"ij->">((a > 0).to<float>());
#else
  (void)mu::einsum<"ij->">(a > 0);
#endif
}
