// expect: [scaled_dot_product_attention] all tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto q = mu::ones<4, 8>();
#ifdef FIXED
  (void)mu::scaled_dot_product_attention(q, q, q);
#else
  (void)mu::scaled_dot_product_attention(q, mu::ones<double, 4, 8>(), q);
#endif
}
