// expect: [norm] needs a float element type: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::arange<std::int64_t, 3>();
#ifdef FIXED
  (void)mu::norm(a.to<float>());
#else
  (void)mu::norm(a);
#endif
}
