// expect: [to] not an element type: use float, double, std::int64_t or bool
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
