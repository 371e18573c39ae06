// layer: nn
// expect: [MultiheadAttention] queries, keys and values must have the layer's element type: cast with .to<T>()
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const nn::MultiheadAttention<8, 2> attention;
  const auto y = mu::zeros<double, 2, 5, 8>();
#ifdef FIXED
  (void)attention(y.to<float>(), y.to<float>(), y.to<float>());
#else
  (void)attention(y, y, y);
#endif
}
