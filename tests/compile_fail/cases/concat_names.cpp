// expect: [concat] extents must be equal on every other axis
// note-gcc: "(batch, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto a = mu::ones<batch, 3>(batch = 4);
  const auto b = mu::ones<4, 3>();
#ifdef FIXED
  (void)mu::concat<1>(a, a);
#else
  (void)mu::concat<1>(a, b);
#endif
}
