// expect: [Tensor] not an element type: use float, double, std::int64_t or bool
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)sizeof(mu::Tensor<bool, 3>);
#else
  (void)sizeof(mu::Tensor<char, 3>);
#endif
}
