// expect: [scaled_dot_product_attention] a mask must broadcast to (batch axes, queries, keys)
// note-gcc: "(3, 2)"
// note-gcc: "(2, 2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto q = mu::ones<2, 4>(), k = mu::ones<2, 4>();
#ifdef FIXED
  const auto mask = mu::ones<2, 2>();
#else
  const auto mask = mu::ones<3, 2>();
#endif
  (void)mu::scaled_dot_product_attention(q, k, k, mask);
}
