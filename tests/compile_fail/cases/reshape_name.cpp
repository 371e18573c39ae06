// expect: [reshape] the number of elements must not change
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto a = mu::ones<batch, 15>(batch = 2);
#ifdef FIXED
  (void)mu::reshape<batch, 3, 5>(a);
#else
  (void)mu::reshape<3, 5>(a);
#endif
}
