// layer: nn
// expect: [MUSHIN_MODULE] the struct must be an aggregate: no constructor, no private member
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
#ifndef FIXED
  explicit Net(int) {}
#endif
  nn::Linear<2, 3> a;
  MUSHIN_MODULE(Net, a)
};
