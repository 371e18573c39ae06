// expect: [softmax] needs a float element type: cast with .to<float>()
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
  const auto a = mu::ones<int, 2, 3>();
#ifdef FIXED
  (void)mu::softmax<1>(a.to<float>());
#else
  (void)mu::softmax<1>(a);
#endif
}
