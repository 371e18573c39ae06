// layer: nn
// expect: [MUSHIN_MODULE] a member is listed twice
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  nn::Linear<2, 3> a, b;
#ifdef FIXED
  MUSHIN_MODULE(Net, a, b)
#else
  MUSHIN_MODULE(Net, a, a)
#endif
};
