// layer: nn
// expect: [MUSHIN_MODULE] the struct must be an aggregate: no constructor, no private member
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

class Net {
#ifdef FIXED
 public:
#endif
  nn::Linear<2, 3> a;

 public:
  MUSHIN_MODULE(Net, a)
};
