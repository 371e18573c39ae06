// expect: [pad] give two numbers an axis: how many in front, how many behind
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<6>();
#ifdef FIXED
  (void)mu::pad<1, 1>(a);
#else
  (void)mu::pad<1>(a);
#endif
}
