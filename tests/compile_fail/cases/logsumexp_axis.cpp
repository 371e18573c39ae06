// expect: [logsumexp] an axis is given twice
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::logsumexp<0, 1>(a);
#else
  (void)mu::logsumexp<1, -1>(a);
#endif
}
