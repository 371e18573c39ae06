// expect: [permutation] makes one axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::permutation<6>();
#else
  (void)mu::permutation<2, 3>();
#endif
}
