// expect: [one_hot] the number of classes must not be negative
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto i = mu::zeros<std::int64_t, 2>();
#ifdef FIXED
  (void)mu::one_hot<0>(i);
#else
  (void)mu::one_hot<-1>(i);
#endif
}
