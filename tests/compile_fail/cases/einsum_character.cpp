// expect: [einsum] the subscripts are letters, commas and one arrow
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::einsum<"ij,jk->ik">(a, b);
#else
  (void)mu::einsum<"ij,j.k->ik">(a, b);
#endif
}
