// layer: autograd
// expect: [to_dot] of a constant: z was not made from any variable
#include "mushin/autograd.hpp"

#include <sstream>

namespace mu = mushin;

void program() {
  std::ostringstream out;
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  mu::to_dot(w * w, out);
#else
  mu::to_dot(w.value(), out);
#endif
}
