// expect: [softmax] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::softmax<1>(a);
#else
  (void)mu::softmax<2>(a);
#endif
}
