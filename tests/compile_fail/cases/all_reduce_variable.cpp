// layer: autograd
// expect: [all_reduce] takes constants: reduce a variable's gradient, all_reduce(w.grad()), or take its value, w.value()
#include "mushin/autograd.hpp"
#include "mushin/tensor/collectives.hpp"

namespace mu = mushin;

void program(const mu::Communicator& by) {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)by.all_reduce(w.grad());
#else
  (void)by.all_reduce(w);
#endif
}
