// expect: [ones] give each named extent its size, and only those
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
#ifdef FIXED
  (void)mu::ones<2, 3>();
#else
  (void)mu::ones<2, 3>(batch = 32);
#endif
}
