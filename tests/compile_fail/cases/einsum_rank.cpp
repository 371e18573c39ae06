// expect: [einsum] a term must have one letter for each axis of its tensor
// note-gcc: "(3, 4)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::einsum<"ij,jk->ik">(a, b);
#else
  (void)mu::einsum<"ij,ijk->ik">(a, b);
#endif
}
