// expect: [reshape] only one extent can be left to the run
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 6>();
#ifdef FIXED
  (void)mu::reshape<mu::dyn, 3>(a);
#else
  (void)mu::reshape<mu::dyn, mu::dyn>(a);
#endif
}
