// expect: [topk] the axis is out of range
// note-gcc: "(2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::topk<-2, 1>(a);
#else
  (void)mu::topk<-3, 1>(a);
#endif
}
