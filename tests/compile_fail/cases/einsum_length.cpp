// expect: [einsum] at most 8 terms, and 8 letters in each
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::einsum<"ij,jk->ik">(a, b);
#else
  (void)mu::einsum<"abcdefghi,jk->k">(a, b);
#endif
}
