#include <cstdio>
#include <mushin/tensor.hpp>

namespace mu = mushin;

int main() {
  const auto a = mu::tensor<2, 3>({0, 1, 2, 0, 1, 2});
  std::printf("%g\n", static_cast<double>(mu::sum(a).item()));
}
