// expect: [scatter_add] the axis is out of range
// note-gcc: "(2, 3)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 1>();
  const auto b = mu::ones<2, 1>();
#ifdef FIXED
  (void)mu::scatter_add<-1>(a, i, b);
#else
  (void)mu::scatter_add<-3>(a, i, b);
#endif
}
