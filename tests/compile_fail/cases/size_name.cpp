// expect: [size] this tensor has no extent of that name
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

void program() {
  const auto a = mu::ones<batch>(batch = 3);
#ifdef FIXED
  (void)a.size(batch);
#else
  (void)a.size(steps);
#endif
}
