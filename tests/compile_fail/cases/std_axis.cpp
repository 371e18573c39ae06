// expect: [std] an axis is out of range
// note-gcc: "(2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::std<-2>(a);
#else
  (void)mu::std<2>(a);
#endif
}
