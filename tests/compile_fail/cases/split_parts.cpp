// expect: [split] the axis must divide into equal parts
// note-gcc: "(6)"
// note-gcc: "(4)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::split<0, 3>(a);
#else
  (void)mu::split<0, 4>(a);
#endif
}
