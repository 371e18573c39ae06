// expect: [arange] makes one axis
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::arange<6>();
#else
  (void)mu::arange<2, 3>();
#endif
}
