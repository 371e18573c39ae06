// expect: [pad] a number must not be negative: cut with slice
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::pad<0, 1>(a);
#else
  (void)mu::pad<-1, 1>(a);
#endif
}
