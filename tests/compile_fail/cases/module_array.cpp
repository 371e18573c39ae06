// layer: nn
// expect: [MUSHIN_MODULE] a C array cannot be a member of a module: use std::array
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
#ifdef FIXED
  std::array<nn::Linear<2, 3>, 2> a;
#else
  nn::Linear<2, 3> a[2];
#endif
  MUSHIN_MODULE(Net, a)
};
