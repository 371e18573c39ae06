// expect: [permute] name every axis once
// note-gcc: "(2, 3, 4)"
// note-gcc: "(1, 1, 0)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3, 4>();
#ifdef FIXED
  (void)mu::permute<1, 2, 0>(a);
#else
  (void)mu::permute<1, 1, 0>(a);
#endif
}
