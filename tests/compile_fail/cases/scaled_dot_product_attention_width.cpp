// expect: [scaled_dot_product_attention] queries and keys must have one width
// note-gcc: "(2, 4)"
// note-gcc: "(3, 5)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto q = mu::ones<2, 4>();
  const auto v = mu::ones<3, 6>();
#ifdef FIXED
  const auto k = mu::ones<3, 4>();
#else
  const auto k = mu::ones<3, 5>();
#endif
  (void)mu::scaled_dot_product_attention(q, k, v);
}
