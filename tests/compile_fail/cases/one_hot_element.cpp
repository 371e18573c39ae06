// expect: [one_hot] not an element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto i = mu::zeros<std::int64_t, 2>();
#ifdef FIXED
  (void)mu::one_hot<4, int>(i);
#else
  (void)mu::one_hot<4, unsigned>(i);
#endif
}
