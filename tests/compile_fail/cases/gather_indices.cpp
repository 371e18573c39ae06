// expect: [gather] the indices must be std::int64_t: cast with .to<std::int64_t>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<2, 1>();
#ifdef FIXED
  (void)mu::gather<1>(a, i.to<std::int64_t>());
#else
  (void)mu::gather<1>(a, i);
#endif
}
