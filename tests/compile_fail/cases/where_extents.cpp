// expect: [where] extents must be equal or 1, counted from the last
// note-gcc: "(4)"
// note-gcc: "(3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto c = mu::ones<4>() > 0;
#ifdef FIXED
  (void)mu::where(c, mu::ones<4>(), 0);
#else
  (void)mu::where(c, mu::ones<3>(), 0);
#endif
}
