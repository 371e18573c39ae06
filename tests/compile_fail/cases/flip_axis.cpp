// expect: [flip] an axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::flip<-1>(a);
#else
  (void)mu::flip<0, 2>(a);
#endif
}
