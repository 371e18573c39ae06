#include <cstdio>
#include <mushin/autograd.hpp>

namespace mu = mushin;

int main() {
  auto x = mu::variable(mu::tensor<2>({2, 4}));
  mu::sum(x * x).backward();
  std::printf("%g\n", static_cast<double>(mu::sum(x.grad()).item()));
}
