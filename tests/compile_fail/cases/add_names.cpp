// expect: [add] extents must be equal or 1, counted from the last
// note-gcc: "(batch, 10)"
// note-gcc: "(time, 10)"
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

void program() {
  const auto a = mu::ones<batch, 10>(batch = 4);
#ifdef FIXED
  (void)(a + mu::ones<batch, 10>(batch = 4));
#else
  (void)(a + mu::ones<steps, 10>(steps = 4));
#endif
}
