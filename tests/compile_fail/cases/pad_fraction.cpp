// expect: [pad] a fraction does not mix with integers: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<int, 2, 3>();
#ifdef FIXED
  (void)mu::pad<1, 1>(a, 2);
#else
  (void)mu::pad<1, 1>(a, 0.5);
#endif
}
