// layer: nn
// expect: [ImageFolder] an image has 1 channel (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
#ifdef FIXED
  const mu::data::ImageFolder<10, 3, 32, 32> images{"pictures"};
#else
  const mu::data::ImageFolder<10, 32, 32, 3> images{"pictures"};  // channels are first
#endif
  (void)images;
}
