// expect: [scatter_add] needs numbers, not bool: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<bool, 2, 3>();
  const auto i = mu::zeros<std::int64_t, 2, 1>();
  const auto b = mu::ones<bool, 2, 1>();
#ifdef FIXED
  (void)mu::scatter_add<1>(a.to<float>(), i, b.to<float>());
#else
  (void)mu::scatter_add<1>(a, i, b);
#endif
}
