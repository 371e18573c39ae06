// expect: [scatter_add] the updates must have the extents of the indices
// note-gcc: "(2, 2)"
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 2>();
#ifdef FIXED
  (void)mu::scatter_add<1>(a, i, mu::ones<2, 2>());
#else
  (void)mu::scatter_add<1>(a, i, mu::ones<2, 3>());
#endif
}
