// layer: autograd
// expect: [jvp] takes one tangent for each argument
#include "mushin/autograd.hpp"

#include <tuple>

namespace mu = mushin;

void program() {
  const auto f = [](const auto& a, const auto& b) { return a * b; };
  const auto x = mu::ones<3>();
#ifdef FIXED
  (void)mu::jvp(f)(std::tuple(x, x), std::tuple(x, x));
#else
  (void)mu::jvp(f)(std::tuple(x, x), std::tuple(x));
#endif
}
