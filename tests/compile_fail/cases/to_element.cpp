// expect: [to] not an element type: use float, double, f16, bf16, bool or an integer of 8, 32 or 64 bits
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<3>();
#ifdef FIXED
  (void)a.to<bool>();
#else
  (void)a.to<char>();
#endif
}
