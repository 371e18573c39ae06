// expect: [add] extents must be equal or 1, counted from the last
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto a = mu::ones<batch, 10>(batch = 4);
#ifdef FIXED
  (void)(a.refine<4, 10>() + mu::ones<4, 10>());
#else
  (void)(a + mu::ones<4, 10>());
#endif
}
