// expect: [einsum] axes of one letter must have equal extents
// note-gcc: "j"
// note-gcc: "(2, 3)"
// note-gcc: "(3, 4)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto b = mu::ones<3, 4>();
#ifdef FIXED
  (void)mu::einsum<"ij,jk->ik">(a, b);
#else
  (void)mu::einsum<"ij,kj->ik">(a, b);
#endif
}
