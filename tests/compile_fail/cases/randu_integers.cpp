// expect: [randu] needs a float element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::randu<mu::bf16, 3>();
#else
  (void)mu::randu<int, 3>();
#endif
}
