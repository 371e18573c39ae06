// expect: [broadcast_to] give each new named extent its size
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)mu::broadcast_to<batch, 3>(a, batch = 4);
#else
  (void)mu::broadcast_to<batch, 3>(a);
#endif
}
