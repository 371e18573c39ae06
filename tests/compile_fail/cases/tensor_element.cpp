// expect: [Tensor] not an element type: use float, double, f16, bf16, bool or an integer of 8, 32 or 64 bits
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)sizeof(mu::Tensor<bool, 3>);
#else
  (void)sizeof(mu::Tensor<char, 3>);
#endif
}
