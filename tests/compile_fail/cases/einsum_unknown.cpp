// expect: [einsum] a letter of the result must occur in a term
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::einsum<"ij,jk->ik">(a, b);
#else
  (void)mu::einsum<"ij,jk->iz">(a, b);
#endif
}
