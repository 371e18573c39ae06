// expect: [log_softmax] the axis is out of range
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::log_softmax<-2>(a);
#else
  (void)mu::log_softmax<-3>(a);
#endif
}
