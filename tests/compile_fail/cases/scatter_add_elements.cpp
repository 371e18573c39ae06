// expect: [scatter_add] both tensors must have the same element type: cast with .to<T>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<2, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 1>();
  const auto b = mu::ones<double, 2, 1>();
#ifdef FIXED
  (void)mu::scatter_add<1>(a, i, b.to<float>());
#else
  (void)mu::scatter_add<1>(a, i, b);
#endif
}
