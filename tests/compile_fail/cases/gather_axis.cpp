// expect: [gather] the axis is out of range
// note-gcc: "(2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 1>();
#ifdef FIXED
  (void)mu::gather<1>(a, i);
#else
  (void)mu::gather<2>(a, i);
#endif
}
