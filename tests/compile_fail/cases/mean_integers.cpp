// expect: [mean] needs a float element type: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::arange<std::int64_t, 3>();
#ifdef FIXED
  (void)mu::mean(a.to<double>());
#else
  (void)mu::mean(a);
#endif
}
