// expect: [rms_norm] needs a float element type: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto x = mu::ones<int, 2, 3>();
  const auto gain = mu::ones<3>();
#ifdef FIXED
  (void)mu::rms_norm(x.to<float>(), gain);
#else
  (void)mu::rms_norm(x, gain);
#endif
}
