// expect: [add] extents must be equal or 1, counted from the last
// note-gcc: "(2, 3)"
// note-gcc: "(2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)(a + mu::ones<3>());
#else
  (void)(a + mu::ones<2>());
#endif
}
