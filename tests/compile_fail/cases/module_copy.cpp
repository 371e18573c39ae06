// layer: nn
// expect-gcc: use of deleted function
// expect-clang: call to implicitly-deleted copy constructor
// note: a copy would take the gradient with it unseen
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  nn::Linear<2, 3> a;
  MUSHIN_MODULE(Net, a)
};

void program() {
  const Net net;
#ifdef FIXED
  const Net other = nn::clone(net);
#else
  const Net other = net;
#endif
  (void)other;
}
