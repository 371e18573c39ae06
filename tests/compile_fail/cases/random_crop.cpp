// layer: nn
// expect: [random_crop] a crop must not be larger than the images
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program(const mu::Tensor<float, mu::batch, 3, 28, 28>& images, mu::data::Indices which) {
#ifdef FIXED
  const auto parts = mu::data::random_crop<32, 32>(mu::pad<2, 2, 2, 2>(images), which);
#else
  const auto parts = mu::data::random_crop<32, 32>(images, which);
#endif
  (void)parts;
}
