// expect: [zeros] give each named extent its size, and only those: zeros<batch, 3>(batch = 32)
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
#ifdef FIXED
  (void)mu::zeros<batch, 3>(batch = 32);
#else
  (void)mu::zeros<batch, 3>();
#endif
}
