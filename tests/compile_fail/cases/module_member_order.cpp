// layer: nn
// expect: [MUSHIN_MODULE] list every data member, in the order of declaration
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  nn::Linear<2, 3> a;
  nn::Linear<3, 4> b;
#ifdef FIXED
  MUSHIN_MODULE(Net, a, b)
#else
  MUSHIN_MODULE(Net, b, a)
#endif
};
