// expect: [at] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::at<-1>(a, 0);
#else
  (void)mu::at<1>(a, 0);
#endif
}
