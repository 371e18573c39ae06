// layer: autograd
// expect: [scaled_dot_product_attention] a mask has no gradient: it must be a constant
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto q = mu::ones<2, 4>();
  const auto mask = mu::variable(mu::ones<2, 2>());
#ifdef FIXED
  (void)mu::scaled_dot_product_attention(q, q, q, mask.value());
#else
  (void)mu::scaled_dot_product_attention(q, q, q, mask);
#endif
}
