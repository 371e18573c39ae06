// expect: [sub] a fraction does not mix with integers: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::arange<std::int64_t, 3>();
#ifdef FIXED
  (void)(a.to<float>() - 0.5);
#else
  (void)(a - 0.5);
#endif
}
