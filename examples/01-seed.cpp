// The smallest whole: a constant, two variables, an expression, and its gradients.
#include <iostream>
#include <mushin/autograd.hpp>

namespace mu = mushin;

int main() {
  mu::manual_seed(1);
  //! [operands]
  auto x = mu::eye<2, 3>(3.0f);
  auto w = mu::variable(mu::randn<3, 2>());
  auto b = mu::variable(mu::fill<3, 3>(0.0f));
  //! [operands]

  //! [graph]
  auto z = mu::matmul(w, x) + b;  // mu::matmul(x, x) would not compile: (2, 3) times (2, 3)
  z.backward();
  //! [graph]

  //! [gradients]
  auto dw = w.grad();  // x.grad() would not compile: x is a constant
  auto db = b.grad();
  std::cout << "dw = " << dw << "\ndb = " << db << '\n';
  //! [gradients]
}
