// expect: [reshape] the number of elements must not change
// note-gcc: "(2, 6)"
// note-gcc: "(3, 5)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 6>();
#ifdef FIXED
  (void)mu::reshape<3, 4>(a);
#else
  (void)mu::reshape<3, 5>(a);
#endif
}
