// layer: autograd
// expect: [gradcheck] give an operand of a float type: gradcheck(f, x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<2, 3>();
#ifdef FIXED
  (void)mu::gradcheck([](const auto& a) { return a * 2; }, x);
#else
  (void)mu::gradcheck([](const auto& a) { return a * 2; }, x.to<std::int32_t>());
#endif
}
