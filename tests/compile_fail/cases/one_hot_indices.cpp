// expect: [one_hot] the indices must be std::int64_t
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2>();
#ifdef FIXED
  (void)mu::one_hot<3>(a.to<std::int64_t>());
#else
  (void)mu::one_hot<3>(a);
#endif
}
