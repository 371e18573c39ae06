// expect: [Tensor] not an element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::load_npy<double, 2>("x.npy");
#else
  (void)mu::load_npy<unsigned, 2>("x.npy");
#endif
}
