// expect: [matmul] the last extent of a must equal the second last of b
// note-gcc: "(batch, 784)"
// note-gcc: "(100, 10)"
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto x = mu::zeros<batch, 784>(batch = 32);
#ifdef FIXED
  (void)mu::matmul(x, mu::ones<784, 10>());
#else
  (void)mu::matmul(x, mu::ones<100, 10>());
#endif
}
