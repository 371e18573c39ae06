// expect: [scatter_add] the indices must be std::int64_t: cast with .to<std::int64_t>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::scatter_add<1>(a, mu::zeros<std::int64_t, 2, 3>(), a);
#else
  (void)mu::scatter_add<1>(a, a, a);
#endif
}
